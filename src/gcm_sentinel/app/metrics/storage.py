"""Storage: whether the database answers, how quickly, how large it is, what was pruned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gcm_sentinel.app.metrics.labels import BoundedNames

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_MOST_OPERATIONS = 40


class StorageMetrics:
    """Counts what the database is asked; told by the database itself (`Database.report_to`)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._operation_name = BoundedNames(_MOST_OPERATIONS)
        self._latency = Histogram(
            "gcm_sentinel_storage_operation_duration_seconds",
            "How long one transaction took, the wait for its turn included.",
            ("operation",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._failures = Counter(
            "gcm_sentinel_storage_failures_total",
            "Transactions the database did not answer, by the kind of error.",
            ("error",),
            registry=registry,
        )
        self._up = Gauge(
            "gcm_sentinel_storage_up", "1 while the database answers the readiness check.", registry=registry
        )
        self._size = Gauge("gcm_sentinel_storage_size_bytes", "Size of the database.", registry=registry)
        self._pruned = Counter(
            "gcm_sentinel_storage_pruned_total",
            "What retention removed: incidents, or the bodies of evidence and transcripts.",
            ("what",),
            registry=registry,
        )

    def took(self, operation: str, duration: timedelta) -> None:
        """A transaction (``triggers.store``, ``triage.session``, ``read`` ...) was answered."""
        self._latency.labels(self._operation_name(operation)).observe(duration.total_seconds())

    def failed(self, error: str) -> None:
        """A transaction was not answered; `error` is the name of a class of `domain/errors.py`."""
        self._failures.labels(error).inc()

    def up(self, *, answers: bool) -> None:
        """Whether the database answered the last check."""
        self._up.set(1 if answers else 0)

    def size(self, size_bytes: int) -> None:
        """How large the database is."""
        self._size.set(size_bytes)

    def pruned(self, counts: Mapping[str, int]) -> None:
        """Retention removed this much, by kind (``incidents``, ``bodies``)."""
        for what, count in counts.items():
            self._pruned.labels(what).inc(count)
