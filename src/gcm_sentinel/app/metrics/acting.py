"""Acting: what was ordered lately and what came of it, who waits for a person, and the circuit breaker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Gauge

from gcm_sentinel.app.metrics.labels import replace_all


class ActingMetrics:
    """Gauges, replaced whole from what storage holds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._actions = Gauge(
            "gcm_sentinel_actions",
            "Actions ordered within a day, by what became of them.",
            ("operation", "state"),
            registry=registry,
        )
        self._oldest_waiting = Gauge(
            "gcm_sentinel_actions_oldest_waiting_age_seconds",
            "How long the action that has waited longest for a person has done so; 0 when none does.",
            registry=registry,
        )
        self._breaker = Gauge(
            "gcm_sentinel_breaker_open",
            "1 while the circuit breaker keeps actions from taking more out of service, else 0.",
            registry=registry,
        )

    def now(self, counts: Mapping[tuple[str, str], int], oldest_waiting: timedelta, *, breaker_open: bool) -> None:
        """How many actions stand where, by operation and state; how long the oldest question waits; the breaker."""
        replace_all(self._actions, counts.items())
        self._oldest_waiting.set(oldest_waiting.total_seconds())
        self._breaker.set(breaker_open)
