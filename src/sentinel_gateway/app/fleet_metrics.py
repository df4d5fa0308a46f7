"""The fleet as it stands at a scrape, as metrics: by state, by host and, where wanted, by GPU. Never by SM.

Series are bounded: three a host, five a GPU, for the worst `MOST_GPUS` GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sentinel_gateway.domain.fleet import FleetView
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.overhead import HostLoad
from sentinel_gateway.domain.trust import TrustView

MOST_GPUS = 10_000
"""GPUs with series of their own."""


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """What the ledger counts."""

    entries: int
    batches: int
    pending: int = 0
    """Entries that are being stored."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is asked of the gateway at a scrape."""

    fleet: FleetView
    trust: TrustView
    ledger: LedgerFigures
    loads: tuple[HostLoad, ...] = ()
    heard: tuple[tuple[str, int], ...] = ()
    """Hosts, and when their agents last reported."""


class FleetCollector(Collector):
    """One snapshot. Its values never change, so any thread may make the text of it."""

    def __init__(self, snapshot: Snapshot, *, per_gpu: bool) -> None:
        self._snapshot, self._per_gpu = snapshot, per_gpu

    def collect(self) -> Iterator[Metric]:
        """The metrics as they were then."""
        yield from _standing(self._snapshot)
        yield from _ledger(self._snapshot.ledger)
        yield from _hosts(self._snapshot)
        if self._per_gpu:
            yield from _gpus(self._snapshot)


def _standing(snapshot: Snapshot) -> Iterator[Metric]:
    summary = snapshot.fleet.summary
    states = GaugeMetricFamily("sentinel_gpu_state_count", "GPUs by state.", labels=("state",))
    for state in HealthState:
        states.add_metric((state.name,), getattr(summary, state.name.lower()))
    yield states
    yield GaugeMetricFamily("sentinel_active_agents", "Agents heard of lately.", value=summary.active_agents)
    yield GaugeMetricFamily(
        "sentinel_trust_graph_coverage_percent", "Pairs of GPUs ever compared.", value=snapshot.trust.coverage_pct
    )
    yield GaugeMetricFamily(
        "sentinel_stretched_hosts",
        "Hosts whose probes are stretched to keep to the budget.",
        value=sum(load.is_stretched for load in snapshot.loads),
    )


def _ledger(ledger: LedgerFigures) -> Iterator[Metric]:
    yield CounterMetricFamily("sentinel_audit_entries", "Entries in the ledger.", value=ledger.entries)
    yield CounterMetricFamily("sentinel_audit_batches", "Signed batches in the ledger.", value=ledger.batches)
    yield GaugeMetricFamily("sentinel_audit_chain_length", "Entries that the chain is long.", value=ledger.entries)
    yield GaugeMetricFamily("sentinel_audit_pending_entries", "Entries that are being stored.", value=ledger.pending)


def _hosts(snapshot: Snapshot) -> Iterator[Metric]:
    overhead = GaugeMetricFamily(
        "sentinel_probe_overhead_pct", "Time of its busiest GPU that probes took.", labels=("hostname",)
    )
    connected = GaugeMetricFamily(
        "sentinel_agent_connected_gpus", "GPUs on which its probes ran lately.", labels=("hostname",)
    )
    heard = GaugeMetricFamily(
        "sentinel_agent_last_report_timestamp_seconds", "When its agent reported.", labels=("hostname",)
    )
    for load in snapshot.loads:
        overhead.add_metric((load.hostname,), load.worst[1])
        connected.add_metric((load.hostname,), len(load.gpus))
    for hostname, time_ns in snapshot.heard:
        heard.add_metric((hostname,), time_ns / 1e9)
    yield overhead
    yield connected
    yield heard


def _gpus(snapshot: Snapshot) -> Iterator[Metric]:
    labels = ("gpu", "hostname")
    score = GaugeMetricFamily("sentinel_gpu_reliability_score", "0 to 1.", labels=labels)
    state = GaugeMetricFamily("sentinel_gpu_state", "Number of its state.", labels=labels)
    failures = CounterMetricFamily("sentinel_gpu_probe_failures", "Failed probes of all time.", labels=labels)
    anomalies = CounterMetricFamily("sentinel_gpu_anomalies", "Anomalies of all time.", labels=labels)
    overhead = GaugeMetricFamily("sentinel_gpu_probe_overhead_pct", "Time that probes took.", labels=labels)
    measured = {uuid: pct for load in snapshot.loads for uuid, pct in load.gpus.items()}
    for view in snapshot.fleet.gpus[:MOST_GPUS]:
        one = (view.gpu.uuid, view.gpu.hostname)
        score.add_metric(one, view.reliability_score)
        state.add_metric(one, view.state)
        failures.add_metric(one, view.probe_fail_count)
        anomalies.add_metric(one, view.anomaly_count)
        if view.gpu.uuid in measured:
            overhead.add_metric(one, measured[view.gpu.uuid])
    yield from (score, state, failures, anomalies, overhead)
