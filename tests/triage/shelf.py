"""A shelf in place of a database: stores triggers and applies decisions as storage does, in memory.

Investigations stand still until a test moves them on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gcm_sentinel.domain.conditions import fault_family
from gcm_sentinel.domain.incident_record import (
    CoolDownStamp,
    IncidentRecord,
    IncidentState,
    InvestigationState,
    StoredTrigger,
    Symptom,
    TriggerState,
)
from gcm_sentinel.domain.topology import TopologyView
from gcm_sentinel.domain.triage_changes import (
    Investigate,
    Join,
    Merge,
    Move,
    OpenIncident,
    RuleOn,
    TriageChange,
    TriageSnapshot,
)
from gcm_sentinel.domain.trigger import FaultScope, Trigger, TriggerStatus
from gcm_sentinel.triage.fold import decide, next_due
from gcm_sentinel.triage.policy import Policy

T0 = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
NOWHERE = TopologyView({}, {})
_BAD = (TriggerStatus.PROBLEM, TriggerStatus.UNKNOWN)


def seconds(count: float) -> timedelta:
    """A span of time."""
    return timedelta(seconds=count)


def problem(node: str, kind: str = "GpuXid", message: str = "Xid 74", *, at: float = 0, **fields: object) -> Trigger:
    """A trigger seen `at` seconds after T0."""
    moment = T0 + seconds(at)
    found = Trigger("kubernetes", node, kind, TriggerStatus.PROBLEM, f"{kind}Bad", message, moment, moment)
    return replace(found, **fields)  # type: ignore[arg-type]


def recovery(node: str, kind: str = "GpuXid", *, at: float = 0) -> Trigger:
    """The end of a problem."""
    return problem(node, kind, "", at=at, status=TriggerStatus.RECOVERED)


def fleet_of(groups: Mapping[str, Mapping[str, Iterable[str]]]) -> TopologyView:
    """A view from topology key -> group -> nodes."""
    groups_of: dict[str, tuple[FaultScope, ...]] = {}
    size_of: dict[FaultScope, int] = {}
    for kind, members in groups.items():
        for key, nodes in members.items():
            for node in nodes:
                scope = FaultScope(kind, key)
                groups_of[node] = (*groups_of.get(node, ()), scope)
                size_of[scope] = size_of.get(scope, 0) + 1
    return TopologyView(groups_of, size_of)


@dataclass
class Shelf:
    """Stored rows, a policy and a fleet."""

    policy: Policy = field(default_factory=Policy)
    fleet: TopologyView = NOWHERE
    triggers: dict[int, StoredTrigger] = field(default_factory=dict)
    symptoms: dict[tuple[str, str], Symptom] = field(default_factory=dict)
    incidents: dict[str, IncidentRecord] = field(default_factory=dict)
    stamps: dict[tuple[str, str], CoolDownStamp] = field(default_factory=dict)
    changes: list[TriageChange] = field(default_factory=list)
    """Everything that was decided, in order."""

    def store(self, *triggers: Trigger, at: float = 0) -> tuple[int, ...]:
        """Store triggers `at` seconds after T0; their ids."""
        return tuple(self._store(trigger, T0 + seconds(at)) for trigger in triggers)

    def _store(self, trigger: Trigger, at: datetime) -> int:
        id_ = len(self.triggers) + 1
        self.triggers[id_] = StoredTrigger(id_, trigger, TriggerState.PENDING, at)
        subject = (trigger.node, trigger.kind)
        known = self.symptoms.pop(subject, None)
        if trigger.status in _BAD:
            family, since = fault_family(trigger.kind), trigger.transition_at or trigger.observed_at
            incident = known.incident_id if known else None
            found = Symptom(trigger.node, trigger.kind, family, trigger.status, since, incident_id=incident)
            self.symptoms[subject] = found
        return id_

    def snapshot(self, at: float) -> TriageSnapshot:
        """What a decision `at` seconds after T0 is made from."""
        now = T0 + seconds(at)
        pending = tuple(stored for stored in self.triggers.values() if _waits(stored, now))
        recent = now - self.policy.burst
        standing = tuple(i for i in self.incidents.values() if i.closed_at is None or i.closed_at >= recent)
        fresh = tuple(stamp for stamp in self.stamps.values() if stamp.at > now - self.policy.cooldown)
        return TriageSnapshot(pending, tuple(self.symptoms.values()), standing, fresh)

    def decide(self, at: float) -> tuple[Any, ...]:
        """Decide `at` seconds after T0 and apply it; the changes, of whichever kind a test expects."""
        changes = decide(self.snapshot(at), self.fleet, self.policy, T0 + seconds(at))
        for change in changes:
            self._apply(change)
        self.changes += changes
        return changes

    def next_due(self, at: float) -> float | None:
        """When something is due, in seconds after T0."""
        due = next_due(self.snapshot(at), self.policy, T0 + seconds(at))
        return None if due is None else (due - T0).total_seconds()

    def investigated(self, state: InvestigationState = InvestigationState.DONE, **fields: object) -> None:
        """Move the newest investigation of every incident that is not closed on."""
        for id_, incident in self.incidents.items():
            if incident.state is not IncidentState.CLOSED:
                self.incidents[id_] = replace(incident, investigation=state, **fields)  # type: ignore[arg-type]

    @property
    def standing(self) -> list[IncidentRecord]:
        """The incidents that are not closed, the oldest first."""
        return [incident for incident in self.incidents.values() if incident.state is not IncidentState.CLOSED]

    @property
    def partition(self) -> set[tuple[FaultScope, frozenset[tuple[str, str]]]]:
        """Scope and (node, kind) of every incident that is not closed."""
        members: dict[str, set[tuple[str, str]]] = {}
        for stored in self.triggers.values():
            if stored.incident_id is not None:
                members.setdefault(stored.incident_id, set()).add((stored.trigger.node, stored.trigger.kind))
        return {(self.incidents[id_].scope, frozenset(found)) for id_, found in members.items()}

    def states(self) -> dict[int, TriggerState]:
        """What became of each trigger."""
        return {id_: stored.state for id_, stored in self.triggers.items()}

    def _apply(self, change: TriageChange) -> None:
        match change:
            case OpenIncident():
                opened = IncidentRecord(
                    change.id, change.scope, IncidentState.OPEN, change.urgency, change.at, change.at
                )
                assert change.id not in self.incidents
                self.incidents[change.id] = opened
                self._fold(change.id, change.trigger_ids)
            case Join():
                joined = self.incidents[change.incident_id]
                assert joined.state is not IncidentState.CLOSED
                self.incidents[change.incident_id] = replace(joined, urgency=change.urgency, last_trigger_at=change.at)
                self._fold(change.incident_id, change.trigger_ids)
            case RuleOn():
                for id_ in change.trigger_ids:
                    ruled = replace(self.triggers[id_], state=change.state, hold_until=change.until)
                    self.triggers[id_] = replace(ruled, reason=change.reason)
            case Merge():
                self._merge(change)
            case Investigate():
                self._investigate(change)
            case Move():
                self._move(change)

    def _fold(self, incident_id: str, ids: Sequence[int]) -> None:
        incident = self.incidents[incident_id]
        for id_ in ids:
            stored = self.triggers[id_]
            node, kind = stored.trigger.node, stored.trigger.kind
            self.triggers[id_] = replace(stored, state=TriggerState.FOLDED, incident_id=incident_id, hold_until=None)
            if (node, kind) in self.symptoms:
                self.symptoms[node, kind] = replace(self.symptoms[node, kind], incident_id=incident_id)
        found = [self.triggers[id_].trigger for id_ in ids]
        kinds = incident.kinds | {trigger.kind for trigger in found}
        nodes = incident.nodes | {trigger.node for trigger in found}
        self._put(replace(incident, kinds=kinds, nodes=nodes))

    def _put(self, incident: IncidentRecord) -> None:
        self.incidents[incident.id] = replace(incident, families=frozenset(map(fault_family, incident.kinds)))

    def _merge(self, change: Merge) -> None:
        given, taker = self.incidents[change.incident_id], self.incidents[change.into]
        assert given.state is not IncidentState.CLOSED
        self._put(replace(taker, nodes=taker.nodes | given.nodes, kinds=taker.kinds | given.kinds))
        self.incidents[given.id] = replace(given, state=IncidentState.CLOSED, closed_at=change.at)
        for id_, stored in self.triggers.items():
            if stored.incident_id == given.id:
                self.triggers[id_] = replace(stored, incident_id=taker.id)
        for subject, symptom in self.symptoms.items():
            if symptom.incident_id == given.id:
                self.symptoms[subject] = replace(symptom, incident_id=taker.id)

    def _investigate(self, change: Investigate) -> None:
        incident = self.incidents[change.incident_id]
        assert change.revision == incident.revision + 1
        wanted = replace(incident, revision=change.revision, investigation=InvestigationState.WANTED)
        self.incidents[incident.id] = replace(wanted, investigated_at=change.at)
        for stored in self.triggers.values():
            if stored.incident_id == incident.id:
                key = (stored.trigger.node, stored.trigger.kind)
                self.stamps[key] = CoolDownStamp(*key, change.at, change.urgency)

    def _move(self, change: Move) -> None:
        incident = self.incidents[change.incident_id]
        closed = change.at if change.state is IncidentState.CLOSED else None
        moved = replace(incident, state=change.state, quiet_since=change.quiet_since, flaps=change.flaps)
        self.incidents[incident.id] = replace(moved, closed_at=closed, close_reason=change.reason)


def _waits(stored: StoredTrigger, now: datetime) -> bool:
    if stored.state is TriggerState.HELD:
        return stored.hold_until is not None and stored.hold_until <= now
    return stored.state is TriggerState.PENDING
