"""The node agent's metrics, made of their names in `domain.metrics`, in a registry of this process's own making."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sentinel_node.domain.metrics import AGENT_UPTIME, METRICS, Metric, Sort

_LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_TOTAL = "_total"


class PrometheusMetrics:
    """A `domain.metrics.Metrics` that Prometheus reads. Safe from every thread."""

    def __init__(self, *, version: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._monotonic = monotonic
        self._started_s = monotonic()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for name, metric in METRICS.items():
            self._make(name, metric)
        about = Gauge("sentinel_node_info", "1, with the version that runs.", ("version",), registry=self._registry)
        about.labels(version=version).set(1)

    def add(self, name: str, value: float = 1, **labels: str) -> None:
        """Count something."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(value)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Say how much there is of it now."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one value to a distribution."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def text(self) -> bytes:
        """Everything in the text format of Prometheus."""
        self.set(AGENT_UPTIME, self._monotonic() - self._started_s)
        return generate_latest(self._registry)

    def _make(self, name: str, metric: Metric) -> None:
        if metric.sort is Sort.COUNTER:
            bare = name.removesuffix(_TOTAL)  # the library adds it
            self._counters[name] = Counter(bare, metric.help, metric.labels, registry=self._registry)
        elif metric.sort is Sort.GAUGE:
            self._gauges[name] = Gauge(name, metric.help, metric.labels, registry=self._registry)
        else:
            self._histograms[name] = Histogram(
                name, metric.help, metric.labels, registry=self._registry, buckets=_LATENCY_BUCKETS_S
            )
