"""All metrics of one gateway, under the names the reference's documents use where we have the same figure.

Totals of the core are read when a scrape comes, so that counting costs the ingest path nothing twice. No series has a
label per GPU unless the operator asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grpc import StatusCode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sentinel_gateway.alerts.counters import AlertCounters
from sentinel_gateway.app.alert_metrics import AlertCollector
from sentinel_gateway.core.counters import Counters
from sentinel_gateway.domain.anomalies import AnomalyType
from sentinel_gateway.domain.fleet import FleetView
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.probes import ProbeResult, ProbeType
from sentinel_gateway.domain.trust import TrustView

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ACTIONS = {
    HealthState.SUSPECT: "MARK_SUSPECT",
    HealthState.QUARANTINED: "QUARANTINE",
    HealthState.DEEP_TEST: "SCHEDULE_DEEP_TEST",
    HealthState.CONDEMNED: "CONDEMN",
    HealthState.HEALTHY: "REINSTATE",
}
"""What led to a state."""


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """What the ledger counts."""

    entries: int
    batches: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is asked of the gateway at a scrape."""

    fleet: FleetView
    trust: TrustView
    ledger: LedgerFigures


class GatewayMetrics:
    """What one gateway counts."""

    def __init__(self, counters: Counters, alerts: AlertCounters, *, version: str, per_gpu: bool) -> None:
        registry = CollectorRegistry(auto_describe=True)
        self._core = _CoreCollector(counters, per_gpu=per_gpu)
        registry.register(self._core)
        registry.register(AlertCollector(alerts))
        self._calls = Histogram(
            "sentinel_grpc_request_seconds", "Calls by method and code.", ("method", "code"),
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._ended = Counter(
            "sentinel_grpc_streams_ended", "Streams by method and code.", ("method", "code"), registry=registry
        )
        self._streams = Gauge("sentinel_grpc_active_streams", "Open streams.", registry=registry)
        self._refused = Counter(
            "sentinel_refused_calls", "Calls of callers not let in.", ("reason",), registry=registry
        )
        self._verified = Gauge(
            "sentinel_chain_verification_result",
            "1 for how the last verification ended.",
            ("result",),
            registry=registry,
        )
        self._verified_at = Gauge(
            "sentinel_chain_verification_timestamp_seconds", "When the ledger was last verified.", registry=registry
        )
        self._certificate_ends = Gauge(
            "sentinel_tls_certificate_end_timestamp_seconds",
            "When the server's certificate in use ends.",
            ("file",),
            registry=registry,
        )
        ProcessCollector(namespace="sentinel_gateway", registry=registry)
        build = Gauge("sentinel_gateway_build_info", "Always 1; what runs.", ("version",), registry=registry)
        build.labels(version).set(1)
        self._registry = registry

    def called(self, method: str, code: StatusCode, duration_s: float) -> None:
        """A call with one answer ended."""
        self._calls.labels(method, code.name).observe(duration_s)

    def streamed(self, method: str, code: StatusCode) -> None:
        """A stream ended."""
        self._ended.labels(method, code.name).inc()

    def streams(self, change: int) -> None:
        """A stream began (1) or ended (-1)."""
        self._streams.inc(change)

    def refused(self, reason: str) -> None:
        """A caller was not let in."""
        self._refused.labels(reason).inc()

    def verified(self, result: str, at_s: float) -> None:
        """The ledger was verified; `result` is ``valid`` or the kind of what is wrong."""
        self._verified.clear()
        self._verified.labels(result).set(1)
        self._verified_at.set(at_s)

    def certificate_ends(self, file: str, at_s: float) -> None:
        """The certificate in use, read from `file`, ends at this time: seconds since 1970."""
        self._certificate_ends.labels(file).set(at_s)

    def expose(self, snapshot: Snapshot | None) -> bytes:
        """Everything in the text format of Prometheus; without what the database knows where that is away."""
        self._core.snapshot = snapshot
        return generate_latest(_WithoutCreated(self._registry))

    def families(self) -> Iterable[Metric]:
        """Every metric; what the documentation is checked against."""
        return self._registry.collect()


class _CoreCollector(Collector):
    def __init__(self, counters: Counters, *, per_gpu: bool) -> None:
        self._counters = counters
        self._per_gpu = per_gpu
        self.snapshot: Snapshot | None = None

    def collect(self) -> Iterator[Metric]:
        yield from self._ingested()
        yield from self._done()
        if self.snapshot is not None:
            yield from self._standing(self.snapshot)

    def _ingested(self) -> Iterator[Metric]:
        counters = self._counters
        events = {
            "probe": counters.executions.total(),
            "anomaly": counters.anomalies.total(),
            "telemetry": counters.batches["telemetry"],
        }
        results = {
            (_name(ProbeType, kind), _name(ProbeResult, result)): count
            for (kind, result), count in counters.executions.items()
        }
        anomalies = {_name(AnomalyType, kind): count for kind, count in counters.anomalies.items()}
        yield _counter("sentinel_events_ingested", "Events taken.", ("source",), events)
        yield _counter("sentinel_probe_results", "Probe executions taken.", ("probe_type", "result"), results)
        yield _counter("sentinel_anomalies", "Anomalies taken.", ("anomaly_type",), anomalies)
        yield _counter("sentinel_batches", "Batches stored.", ("source",), counters.batches)
        yield _counter("sentinel_batches_repeated", "Batches seen before.", ("source",), counters.duplicates)
        yield _counter("sentinel_batches_missing", "Skipped sequence numbers.", ("source",), counters.missing)
        yield _counter("sentinel_events_refused", "Events refused.", ("source", "reason"), counters.refused)

    def _done(self) -> Iterator[Metric]:
        counters = self._counters
        actions: dict[str, float] = {}
        for (_, state), count in counters.transitions.items():
            action = _ACTIONS[HealthState(state)]
            actions[action] = actions.get(action, 0) + count
        rounds = {"stored": counters.rounds, "failed": counters.failed_rounds}
        yield _counter("sentinel_quarantine_actions", "Changes of state.", ("action",), actions)
        yield _counter("sentinel_directives", "Directives by what became of them.", ("status",), counters.directives)
        yield _counter("sentinel_transactions", "Transactions of the database.", ("result",), rounds)
        yield GaugeMetricFamily(
            "sentinel_waiting_requests", "Requests that wait for the database.", value=counters.waiting_requests
        )

    def _standing(self, snapshot: Snapshot) -> Iterator[Metric]:
        summary = snapshot.fleet.summary
        states = GaugeMetricFamily("sentinel_gpu_state_count", "GPUs by state.", labels=("state",))
        for state in HealthState:
            states.add_metric((state.name,), getattr(summary, state.name.lower()))
        yield states
        yield GaugeMetricFamily("sentinel_active_agents", "Agents heard of lately.", value=summary.active_agents)
        yield GaugeMetricFamily(
            "sentinel_trust_graph_coverage_percent", "Pairs of GPUs ever compared.", value=snapshot.trust.coverage_pct
        )
        yield CounterMetricFamily("sentinel_audit_entries", "Entries in the ledger.", value=snapshot.ledger.entries)
        yield CounterMetricFamily(
            "sentinel_audit_batches", "Signed batches in the ledger.", value=snapshot.ledger.batches
        )
        if self._per_gpu:
            scores = GaugeMetricFamily("sentinel_gpu_health_score", "Reliability score.", labels=("gpu",))
            for view in snapshot.fleet.gpus:
                scores.add_metric((view.gpu.uuid,), view.reliability_score)
            yield scores


class _WithoutCreated(Collector):
    """Leaves out the `_created` series, which double the number of counters; the library's own switch is global."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def _counter(name: str, words: str, labels: tuple[str, ...], counts: object) -> Metric:
    family = CounterMetricFamily(name, words, labels=labels)
    if isinstance(counts, dict):
        for key, count in sorted(counts.items()):
            family.add_metric(key if isinstance(key, tuple) else (key,), count)
    return family


def _name(kind: type[ProbeType | ProbeResult | AnomalyType], value: int) -> str:
    known = {member.value: member.name for member in kind}
    return known.get(value, "UNKNOWN")
