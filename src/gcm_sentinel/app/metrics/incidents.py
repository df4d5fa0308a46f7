"""Triggers and incidents: what came in, what became of it, what is open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.incident_record import IncidentState, TriggerState, Urgency
from gcm_sentinel.domain.topology import TOPOLOGY_KINDS
from gcm_sentinel.domain.trigger import NODE

_RULINGS = tuple(state for state in TriggerState if state is not TriggerState.PENDING)
_SCOPES = (NODE, *TOPOLOGY_KINDS)
_PASS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class IncidentMetrics:
    """Counts triage's work; the gauges are replaced whole from what storage holds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._observed = Counter(
            "gcm_sentinel_triggers_observed_total",
            "Triggers that watchers told, those told before included.",
            ("source", "family"),
            registry=registry,
        )
        self._stored = Counter(
            "gcm_sentinel_triggers_stored_total", "Triggers that were new.", ("source",), registry=registry
        )
        self._ruled = Counter(
            "gcm_sentinel_triggers_ruled_total",
            "Triggers by what triage made of them: folded, held, refused, noted.",
            ("family", "ruling"),
            registry=registry,
        )
        self._opened = _by_scope("opened", "Incidents opened.", registry)
        self._closed = _by_scope("closed", "Incidents closed, merged ones left out.", registry)
        self._merged = _by_scope("merged", "Incidents that turned out to be part of another.", registry)
        self._open = Gauge(
            "gcm_sentinel_incidents_open",
            "Incidents that are not closed; the same on every replica.",
            ("state", "urgency"),
            registry=registry,
        )
        self._pending = Gauge(
            "gcm_sentinel_triggers_pending", "Triggers stored that triage has not looked at.", registry=registry
        )
        self._oldest = Gauge(
            "gcm_sentinel_triggers_oldest_pending_age_seconds",
            "How long the oldest of them has waited; 0 when none waits.",
            registry=registry,
        )
        self._passed_at = Gauge(
            "gcm_sentinel_triage_last_pass_timestamp_seconds", "When triage last came round.", registry=registry
        )
        self._pass = Histogram(
            "gcm_sentinel_triage_pass_duration_seconds",
            "One round of triage, its transaction included.",
            buckets=_PASS_BUCKETS,
            registry=registry,
        )
        self.open_now({})
        for family in Family:
            for ruling in _RULINGS:
                self._ruled.labels(family, ruling)

    def observed(self, source: str, family: Family) -> None:
        """A watcher told of a trigger; `source` as in `Trigger.source`."""
        self._observed.labels(source, family).inc()

    def stored(self, source: str, count: int) -> None:
        """So many of them were new."""
        self._stored.labels(source).inc(count)

    def ruled(self, family: Family, ruling: TriggerState, count: int = 1) -> None:
        """Triage ruled on `count` triggers of a family."""
        self._ruled.labels(family, ruling).inc(count)

    def opened(self, scope_kind: str) -> None:
        """An incident was opened; `scope_kind` as in `FaultScope.kind`."""
        self._opened.labels(scope_kind).inc()

    def closed(self, scope_kind: str) -> None:
        """An incident was closed."""
        self._closed.labels(scope_kind).inc()

    def merged(self, scope_kind: str) -> None:
        """An incident gave its triggers to another."""
        self._merged.labels(scope_kind).inc()

    def open_now(self, counts: Mapping[tuple[IncidentState, Urgency], int]) -> None:
        """How many incidents are not closed, by state and urgency; what is left out is 0."""
        states = (IncidentState.OPEN, IncidentState.RECOVERING)
        for state in states:
            for urgency in Urgency:
                self._open.labels(state, urgency.name.lower()).set(counts.get((state, urgency), 0))

    def pending(self, count: int, oldest: timedelta) -> None:
        """How many triggers wait for triage, and how long the oldest has."""
        self._pending.set(count)
        self._oldest.set(oldest.total_seconds())

    def triaged(self, at: datetime, took: timedelta) -> None:
        """One round of triage ended at `at`."""
        self._passed_at.set(at.timestamp())
        self._pass.observe(took.total_seconds())


def _by_scope(what: str, help_: str, registry: CollectorRegistry) -> Counter:
    """A counter that exists from the start for every scope, so that its first increase is seen."""
    counter = Counter(f"gcm_sentinel_incidents_{what}_total", help_, ("scope",), registry=registry)
    for scope in _SCOPES:
        counter.labels(scope)
    return counter
