"""Feeds the agent's metrics from what the stages report as it happens; what no event tells is sampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from gcm_sentinel.app.metrics import AgentMetrics
from gcm_sentinel.app.metrics.deliveries import Result
from gcm_sentinel.domain.conditions import fault_family
from gcm_sentinel.domain.incident_record import DeliveryState, IncidentState, TriggerState
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.triage_changes import (
    Join,
    Merge,
    Move,
    OpenIncident,
    RuleOn,
    TriageChange,
    TriageSnapshot,
)
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.notify.publish import Delivery

_ELSEWHERE = "unknown"


class Metering:
    """Knows which figure comes from where."""

    def __init__(self, metrics: AgentMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    def stored(self, told: Sequence[Trigger], new: int) -> None:
        """A batch was stored."""
        for trigger in told:
            self._metrics.incidents.observed(trigger.source, fault_family(trigger.kind))
        if told:
            self._metrics.incidents.stored(told[0].source, new)

    def decided(self, snapshot: TriageSnapshot, changes: Sequence[TriageChange], took: timedelta) -> None:
        """Triage came to a decision."""
        self._metrics.incidents.triaged(self._clock.now(), took)
        scopes = {record.id: record.scope.kind for record in snapshot.incidents}
        kinds = {stored.id: stored.trigger.kind for stored in snapshot.pending}
        for change in changes:
            self._count(change, scopes, kinds)

    def _count(self, change: TriageChange, scopes: Mapping[str, str], kinds: Mapping[int, str]) -> None:
        incidents = self._metrics.incidents
        match change:
            case OpenIncident():
                incidents.opened(change.scope.kind)
                self._ruled(change.trigger_ids, TriggerState.FOLDED, kinds)
            case Join():
                self._ruled(change.trigger_ids, TriggerState.FOLDED, kinds)
            case RuleOn():
                self._ruled(change.trigger_ids, change.state, kinds)
            case Merge():
                incidents.merged(scopes.get(change.incident_id, _ELSEWHERE))
            case Move() if change.state is IncidentState.CLOSED:
                incidents.closed(scopes.get(change.incident_id, _ELSEWHERE))

    def _ruled(self, ids: Sequence[int], ruling: TriggerState, kinds: Mapping[int, str]) -> None:
        for trigger_id in ids:
            self._metrics.incidents.ruled(fault_family(kinds.get(trigger_id, "")), ruling)

    def attempted(self, investigation_id: str, delivery: Delivery, state: DeliveryState) -> None:
        """A sink took an assessment, or did not."""
        self._metrics.deliveries.attempted(delivery.notifier, _RESULTS[state])


_RESULTS: Mapping[DeliveryState, Result] = {
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.OWED: "failed",
    DeliveryState.GIVEN_UP: "given_up",
}
