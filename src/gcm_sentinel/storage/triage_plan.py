"""What rows a triage decision changes, worked out before anything is written. Pure.

Changes are taken in their order, each seeing what the ones before it did; the result is one row per incident, trigger
and investigation, so that a decision over thousands of triggers is written with a handful of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatchmethod
from typing import Any

from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.incident_record import (
    IncidentRecord,
    IncidentState,
    InvestigationState,
    TriggerState,
    Urgency,
    Why,
)
from gcm_sentinel.domain.triage_changes import Investigate, Join, Merge, Move, OpenIncident, RuleOn, TriageChange
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.storage.codecs import clean, micros
from gcm_sentinel.storage.incident_rows import family_of

UNFINISHED = (InvestigationState.WANTED, InvestigationState.QUEUED, InvestigationState.RUNNING)
NOT_STARTED = (InvestigationState.WANTED, InvestigationState.QUEUED)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of one trigger."""

    state: TriggerState
    incident_id: str | None = None
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Investigations of an incident that are not needed any more."""

    incident_id: str
    states: tuple[InvestigationState, ...]
    """Which of them: those that stand in one of these states."""
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stamp:
    """The cool-down of every node and kind of an incident begins."""

    incident_id: str
    request: Investigate


@dataclass(slots=True)
class Plan:
    """The rows to write. `records` and `triggers` are what the decision was made from."""

    records: dict[str, IncidentRecord]
    """By id; those that were changed hold what they change to."""
    triggers: Mapping[int, Trigger]
    opened: dict[str, int] = field(default_factory=dict)
    """Incidents that are new, and their leading trigger."""
    changed: set[str] = field(default_factory=set)
    """Incidents whose record changed, the new ones included."""
    rulings: dict[int, Ruling] = field(default_factory=dict)
    joined: dict[str, set[str]] = field(default_factory=dict)
    """Nodes that an incident may not have had before."""
    merged: dict[str, str] = field(default_factory=dict)
    """From -> into, in the order they were decided."""
    drops: list[Drop] = field(default_factory=list)
    wanted: dict[str, Investigate] = field(default_factory=dict)
    """By investigation id."""
    dropped: dict[str, Drop] = field(default_factory=dict)
    """Those of `wanted` that a later change of the same decision dropped."""
    stamps: list[Stamp] = field(default_factory=list)
    raised: dict[str, Urgency] = field(default_factory=dict)
    """Incidents that are more urgent than they were; so is what is still wanted for them."""

    @singledispatchmethod
    def take(self, change: TriageChange) -> None:
        """Add what `change` does.

        Raises:
            Bug: it names an incident or a trigger that is not there.
        """
        raise Bug(f"triage decided something storage does not know: {change!r}")

    @take.register
    def _open(self, change: OpenIncident) -> None:
        if change.id in self.records:
            raise Bug(f"incident {change.id!r} was to be opened, but is there already")
        if not change.trigger_ids:
            raise Bug(f"incident {change.id!r} was to be opened without a trigger")
        self.opened[change.id] = change.trigger_ids[0]
        self.records[change.id] = IncidentRecord(
            change.id, change.scope, IncidentState.OPEN, change.urgency, change.at, change.at
        )
        self._fold(change.id, change.trigger_ids)

    @take.register
    def _join(self, change: Join) -> None:
        self._fold(change.incident_id, change.trigger_ids)
        record = self._record(change.incident_id)
        newest = max(record.last_trigger_at, change.at)
        self._put(replace(record, urgency=change.urgency, last_trigger_at=newest))

    @take.register
    def _merge(self, change: Merge) -> None:
        given, taker = self._record(change.incident_id), self._record(change.into)
        if given is taker:
            raise Bug(f"incident {given.id!r} was to be merged into itself")
        reason = f"merged into {taker.id}"
        self.merged[given.id] = taker.id
        self.joined.setdefault(taker.id, set()).update(given.nodes)
        self._put(_grown(taker, given.nodes, given.kinds, given))
        self._put(_closed(given, change.at, reason))
        self._drop(given.id, UNFINISHED, reason, change.at)
        for trigger_id, ruling in self.rulings.items():
            if ruling.incident_id == given.id:
                self.rulings[trigger_id] = replace(ruling, incident_id=taker.id)

    @take.register
    def _rule(self, change: RuleOn) -> None:
        ruling = Ruling(change.state, reason=change.reason, until=change.until)
        self.rulings.update(dict.fromkeys(change.trigger_ids, ruling))

    @take.register
    def _investigate(self, change: Investigate) -> None:
        record = self._record(change.incident_id)
        if change.revision <= record.revision:
            raise Bug(f"investigation {change.revision} of {record.id!r} was asked for after {record.revision}")
        revisits = record.revisits + (change.why is Why.REVISIT)
        self._put(replace(record, revision=change.revision, revisits=revisits))
        self.wanted[f"{record.id}.{change.revision}"] = change
        self.stamps.append(Stamp(record.id, change))

    @take.register
    def _move(self, change: Move) -> None:
        record = self._record(change.incident_id)
        if change.state is IncidentState.CLOSED:
            reason = change.reason or "closed"
            record = _closed(record, change.at, reason)
            self._drop(record.id, NOT_STARTED, f"the incident was closed: {reason}", change.at)
        else:
            record = replace(record, state=change.state, closed_at=None, close_reason="")
        self._put(replace(record, quiet_since=change.quiet_since, flaps=change.flaps))

    def _fold(self, incident_id: str, trigger_ids: Iterable[int]) -> None:
        folded = [self._trigger(trigger_id) for trigger_id in trigger_ids]
        nodes, kinds = {clean(trigger.node) for trigger in folded}, {clean(trigger.kind) for trigger in folded}
        self.rulings.update(dict.fromkeys(trigger_ids, Ruling(TriggerState.FOLDED, incident_id)))
        self.joined.setdefault(incident_id, set()).update(nodes)
        self._put(_grown(self._record(incident_id), nodes, kinds))

    def _drop(self, incident_id: str, states: tuple[InvestigationState, ...], note: str, at: datetime) -> None:
        drop = Drop(incident_id, states, note, at)
        self.drops.append(drop)
        for investigation_id, wanted in self.wanted.items():
            if wanted.incident_id == incident_id:
                self.dropped.setdefault(investigation_id, drop)

    def _put(self, record: IncidentRecord) -> None:
        if record.urgency < self.records[record.id].urgency:
            self._raise(record.id, record.urgency)
        self.records[record.id] = record
        self.changed.add(record.id)

    def _raise(self, incident_id: str, urgency: Urgency) -> None:
        self.raised[incident_id] = urgency
        for investigation_id, wanted in self.wanted.items():
            if wanted.incident_id == incident_id and urgency < wanted.urgency:
                self.wanted[investigation_id] = replace(wanted, urgency=urgency)

    def _record(self, incident_id: str) -> IncidentRecord:
        if (record := self.records.get(incident_id)) is None:
            raise Bug(f"triage decided over incident {incident_id!r}, which was not in its snapshot")
        return record

    def _trigger(self, trigger_id: int) -> Trigger:
        if (trigger := self.triggers.get(trigger_id)) is None:
            raise Bug(f"triage decided over trigger {trigger_id}, which is not stored")
        return trigger

    def heir(self, incident_id: str) -> str:
        """The incident that has the triggers of `incident_id` once everything is written."""
        while incident_id in self.merged:
            incident_id = self.merged[incident_id]
        return incident_id

    def closings(self) -> list[tuple[str, datetime]]:
        """The incidents that are closed, but not merged into another one, and when."""
        return [(drop.incident_id, drop.at) for drop in self.drops if drop.states == NOT_STARTED]

    def investigation_rows(self) -> list[dict[str, Any]]:
        """The investigations to insert."""
        return [self._investigation_row(key, request) for key, request in self.wanted.items()]

    def _investigation_row(self, investigation_id: str, request: Investigate) -> dict[str, Any]:
        drop = self.dropped.get(investigation_id)
        return {
            "id": investigation_id,
            "incident_id": request.incident_id,
            "revision": request.revision,
            "state": str(InvestigationState.DROPPED if drop else InvestigationState.WANTED),
            "why": str(request.why),
            "urgency": int(request.urgency),
            "requested_at": micros(request.at),
            "ended_at": micros(drop.at) if drop else None,
            "note": clean(drop.note) if drop else "",
        }


def _grown(
    record: IncidentRecord, nodes: Iterable[str], kinds: Iterable[str], other: IncidentRecord | None = None
) -> IncidentRecord:
    kinds = record.kinds | set(kinds)
    grown = replace(record, nodes=record.nodes | set(nodes), kinds=kinds, families=frozenset(map(family_of, kinds)))
    if other is None:
        return grown
    newest = max(record.last_trigger_at, other.last_trigger_at)
    return replace(grown, urgency=min(record.urgency, other.urgency), last_trigger_at=newest)


def _closed(record: IncidentRecord, at: datetime, reason: str) -> IncidentRecord:
    return replace(record, state=IncidentState.CLOSED, closed_at=at, close_reason=clean(reason), quiet_since=None)
