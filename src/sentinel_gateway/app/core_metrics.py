"""What the core counted and timed, as metrics; read when a scrape comes, so that counting costs ingest nothing twice.

What is known beforehand (probe types, results, outcomes) begins at 0: a rate that begins with the first failure would
miss it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import product

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from sentinel_gateway.core.counters import Counters
from sentinel_gateway.core.durations import Durations
from sentinel_gateway.domain.anomalies import AnomalyType
from sentinel_gateway.domain.batches import BatchKind
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.happenings import Pattern
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.probes import ProbeResult, ProbeType
from sentinel_gateway.domain.tmr import TmrOutcome

_ACTIONS = {
    HealthState.SUSPECT: "MARK_SUSPECT",
    HealthState.QUARANTINED: "QUARANTINE",
    HealthState.DEEP_TEST: "SCHEDULE_DEEP_TEST",
    HealthState.CONDEMNED: "CONDEMN",
    HealthState.HEALTHY: "REINSTATE",
}
"""What led to a state, except that a suspect may have been given back as such."""
_OUT_OF_USE = (HealthState.QUARANTINED, HealthState.DEEP_TEST)


@dataclass(frozen=True, slots=True)
class Times:
    """How long what takes, and how much may wait."""

    taken: Mapping[BatchKind, Durations]
    """Batches, from their arrival until they may be answered."""
    writes: Durations
    """Transactions."""
    most_waiting: int
    """Requests that may wait for the database."""


class CoreCollector(Collector):
    """Totals since the start."""

    def __init__(self, counters: Counters, times: Times) -> None:
        self._counters, self._times = counters, times

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        yield from self._ingested()
        yield from self._probed()
        yield from self._found()
        yield from self._done()
        yield from self._timed()

    def _ingested(self) -> Iterator[Metric]:
        counters = self._counters
        events = {
            "probe": counters.executions.total(),
            "anomaly": counters.anomalies.total(),
            "telemetry": counters.batches["telemetry"],
        }
        none = {str(kind): 0 for kind in BatchKind}
        for name in ("sentinel_events_ingested", "sentinel_correlation_events_processed"):
            yield counter(name, "Events taken.", ("source",), events)
        yield counter("sentinel_batches", "Batches stored.", ("source",), none | counters.batches)
        yield counter("sentinel_batches_repeated", "Batches seen before.", ("source",), none | counters.duplicates)
        yield counter("sentinel_batches_missing", "Skipped sequence numbers.", ("source",), none | counters.missing)
        yield counter("sentinel_events_refused", "Events refused.", ("source", "reason"), counters.refused)

    def _probed(self) -> Iterator[Metric]:
        counters = self._counters
        results: dict[tuple[str, str], float] = {
            (kind.name, result.name): counters.executions[kind, result]
            for kind, result in product(ProbeType, ProbeResult)
        }
        yield counter("sentinel_probe_results", "Probe executions taken.", ("probe_type", "result"), results)
        durations = SummaryMetricFamily(
            "sentinel_probe_duration_seconds", "How long executions took, as agents say.", labels=("probe_type",)
        )
        for kind in ProbeType:
            runs = sum(counters.executions[kind, result] for result in ProbeResult)
            durations.add_metric((kind.name,), runs, counters.busy_ns[kind] / 1e9)
        yield durations

    def _found(self) -> Iterator[Metric]:
        counters = self._counters
        anomalies = {kind.name: 0 for kind in AnomalyType}
        anomalies |= {_name(AnomalyType, kind): count for kind, count in counters.anomalies.items()}
        patterns = {pattern.name: counters.correlations[pattern] for pattern in Pattern}
        votes = {outcome.name: counters.votes[outcome] for outcome in TmrOutcome}
        yield counter("sentinel_anomalies", "Anomalies taken.", ("anomaly_type",), anomalies)
        yield CounterMetricFamily(
            "sentinel_inference_anomaly", "Anomalies of inference monitors.", value=counters.inference_anomalies
        )
        yield counter("sentinel_patterns_detected", "Findings by pattern.", ("pattern_type",), patterns)
        yield counter("sentinel_tmr_votes", "Canaries counted.", ("outcome",), votes)
        yield CounterMetricFamily(
            "sentinel_tmr_dissent", "Canaries in which a GPU stood alone.", value=counters.votes[TmrOutcome.DISSENT]
        )

    def _done(self) -> Iterator[Metric]:
        counters = self._counters
        actions = dict.fromkeys(_ACTIONS.values(), 0)
        for (before, state), count in counters.transitions.items():
            is_undone = before in _OUT_OF_USE and state == HealthState.SUSPECT
            actions["REINSTATE" if is_undone else _ACTIONS[HealthState(state)]] += count
        directives = {status.name.lower(): 0 for status in DirectiveStatus} | counters.directives
        rounds = {"stored": counters.rounds, "failed": counters.failed_rounds}
        yield counter("sentinel_quarantine_actions", "Changes of state.", ("action",), actions)
        yield CounterMetricFamily("sentinel_quarantine", "GPUs quarantined.", value=actions["QUARANTINE"])
        yield counter("sentinel_directives", "Directives by what became of them.", ("status",), directives)
        yield counter("sentinel_transactions", "Transactions of the database.", ("result",), rounds)

    def _timed(self) -> Iterator[Metric]:
        waiting, times = self._counters.waiting_requests, self._times
        for name in ("sentinel_waiting_requests", "sentinel_correlation_buffer_size"):
            yield GaugeMetricFamily(name, "Requests that wait for the database.", value=waiting)
        yield GaugeMetricFamily(
            "sentinel_correlation_buffer_max", "How many requests may wait.", value=times.most_waiting
        )
        latency = HistogramMetricFamily(
            "sentinel_correlation_processing_latency_seconds", "From a batch to its answer.", labels=("source",)
        )
        for kind, taken in times.taken.items():
            latency.add_metric((str(kind),), taken.buckets(), taken.total_s)
        yield latency
        writes = HistogramMetricFamily("sentinel_audit_batch_duration_seconds", "Storing a transaction.", labels=())
        writes.add_metric((), times.writes.buckets(), times.writes.total_s)
        yield writes


def counter(
    name: str, words: str, labels: tuple[str, ...], counts: Mapping[str, float] | Mapping[tuple[str, str], float]
) -> Metric:
    """A counter with its series in the order of their labels."""
    family = CounterMetricFamily(name, words, labels=labels)
    for key, count in sorted(counts.items()):
        family.add_metric((key,) if isinstance(key, str) else key, count)
    return family


def _name(kind: type[IntEnum], value: int) -> str:
    return kind(value).name if value in [*kind] else "UNKNOWN"
