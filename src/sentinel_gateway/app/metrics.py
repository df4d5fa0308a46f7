"""All metrics of one gateway, under the names the reference's documents use where we have the same figure.

Totals of the core are read when a scrape comes, so that counting costs the ingest path nothing twice. No series has a
label per GPU unless the operator asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grpc import StatusCode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sentinel_gateway.alerts.counters import AlertCounters
from sentinel_gateway.app.alert_metrics import AlertCollector
from sentinel_gateway.app.core_metrics import CoreCollector, Times
from sentinel_gateway.core.counters import Counters
from sentinel_gateway.core.durations import BOUNDS_S


class GatewayMetrics:
    """What one gateway counts."""

    def __init__(self, counters: Counters, times: Times, alerts: AlertCounters, *, version: str) -> None:
        registry = CollectorRegistry(auto_describe=True)
        registry.register(CoreCollector(counters, times))
        registry.register(AlertCollector(alerts))
        self._calls = Histogram(
            "sentinel_grpc_request_seconds", "Calls by method and code.", ("method", "code"),
            buckets=BOUNDS_S, registry=registry,
        )  # fmt: skip
        self._ended = Counter(
            "sentinel_grpc_streams_ended", "Streams by method and code.", ("method", "code"), registry=registry
        )
        self._streams = Gauge("sentinel_grpc_active_streams", "Open streams.", registry=registry)
        self._refused = Counter(
            "sentinel_refused_calls", "Calls of callers not let in.", ("reason",), registry=registry
        )
        self._verification = _Verification()
        registry.register(self._verification)
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
        self._verification.last = result, at_s

    def certificate_ends(self, file: str, at_s: float) -> None:
        """The certificate in use, read from `file`, ends at this time: seconds since 1970."""
        self._certificate_ends.labels(file).set(at_s)

    def expose(self) -> bytes:
        """Everything but the fleet in the text format of Prometheus."""
        return generate_latest(_WithoutCreated(self._registry))

    def families(self) -> Iterable[Metric]:
        """Every metric; what the documentation is checked against."""
        return self._registry.collect()


class _Verification(Collector):
    """How the ledger was last verified; nothing before the first time, for a 0 would say that it is broken."""

    def __init__(self) -> None:
        self.last: tuple[str, float] | None = None
        """``valid`` or the kind of what is wrong, and when: seconds since 1970."""

    def collect(self) -> Iterator[Metric]:
        result = GaugeMetricFamily(
            "sentinel_chain_verification_result", "1 for how the last verification ended.", labels=("result",)
        )
        valid = GaugeMetricFamily(
            "sentinel_audit_chain_verified", "1 where the last verification found nothing wrong.", labels=()
        )
        time = GaugeMetricFamily(
            "sentinel_chain_verification_timestamp_seconds", "When the ledger was last verified.", labels=()
        )
        if self.last is not None:
            kind, at_s = self.last
            result.add_metric((kind,), 1)
            valid.add_metric((), int(kind == "valid"))
            time.add_metric((), at_s)
        yield from (result, valid, time)


class _WithoutCreated(Collector):
    """Leaves out the `_created` series, which double the number of counters; the library's own switch is global."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
