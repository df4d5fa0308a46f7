"""All metrics of one agent, and their text for a scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Gauge, Metric, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from gcm_sentinel.app.metrics.acting import ActingMetrics
from gcm_sentinel.app.metrics.deliveries import DeliveryMetrics
from gcm_sentinel.app.metrics.engines import EngineMetrics
from gcm_sentinel.app.metrics.incidents import IncidentMetrics
from gcm_sentinel.app.metrics.investigations import InvestigationMetrics
from gcm_sentinel.app.metrics.storage import StorageMetrics
from gcm_sentinel.app.metrics.watch import WatchMetrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class AgentMetrics:
    """What one agent counts, by subject."""

    def __init__(self, *, version: str, engine: str, mode: str) -> None:
        registry = CollectorRegistry(auto_describe=True)
        self.incidents = IncidentMetrics(registry)
        self.investigations = InvestigationMetrics(registry)
        self.engines = EngineMetrics(registry)
        self.deliveries = DeliveryMetrics(registry)
        self.watch = WatchMetrics(registry)
        self.acting = ActingMetrics(registry)
        self.storage = StorageMetrics(registry)
        ProcessCollector(namespace="gcm_sentinel", registry=registry)
        build = Gauge(
            "gcm_sentinel_build_info", "Always 1; what runs.", ("version", "engine", "mode"), registry=registry
        )
        build.labels(version, engine, mode).set(1)
        self._registry = registry

    def expose(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return generate_latest(_WithoutCreated(self._registry))

    def families(self) -> Iterable[Metric]:
        """Every metric with its type, help and present samples; what the documentation is checked against."""
        return self._registry.collect()


class _WithoutCreated(Collector):
    """Leaves out the `_created` series, which double the number of counters; the library's own switch is global."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
