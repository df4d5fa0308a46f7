"""Deliveries: assessments on their way to the sinks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

from gcm_sentinel.app.metrics.labels import replace_all

Result = Literal["delivered", "failed", "given_up"]
_RESULTS: tuple[Result, ...] = ("delivered", "failed", "given_up")


class DeliveryMetrics:
    """Counts attempts; the gauges are replaced whole from what storage holds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "gcm_sentinel_deliveries_total",
            "Attempts to deliver an assessment; failed ones are tried again, given_up ones are not.",
            ("notifier", "result"),
            registry=registry,
        )
        self._owed = Gauge(
            "gcm_sentinel_deliveries_owed", "Assessments not yet delivered.", ("notifier",), registry=registry
        )
        self._oldest = Gauge(
            "gcm_sentinel_deliveries_oldest_owed_age_seconds",
            "How long the oldest of them has been owed; 0 when none is.",
            registry=registry,
        )

    def expect(self, notifiers: Iterable[str]) -> None:
        """Expose the counters of these sinks from now on, so that a first failure is seen as an increase."""
        for notifier in notifiers:
            for result in _RESULTS:
                self._attempts.labels(notifier, result)

    def attempted(self, notifier: str, result: Result) -> None:
        """One attempt ended."""
        self._attempts.labels(notifier, result).inc()

    def owed_now(self, counts: Mapping[str, int], oldest: timedelta) -> None:
        """How many deliveries are owed, by sink, and since when the oldest."""
        replace_all(self._owed, (((notifier,), count) for notifier, count in counts.items()))
        self._oldest.set(oldest.total_seconds())
