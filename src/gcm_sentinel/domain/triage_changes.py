"""What triage decides, as values: storage applies all changes of one decision in one transaction, or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from gcm_sentinel.domain.incident_record import (
    CoolDownStamp,
    IncidentRecord,
    IncidentState,
    StoredTrigger,
    Symptom,
    TriggerState,
    Urgency,
    Why,
)
from gcm_sentinel.domain.trigger import FaultScope


@dataclass(frozen=True, slots=True)
class TriageSnapshot:
    """Everything a decision is made from, read in the transaction that will apply it."""

    pending: tuple[StoredTrigger, ...]
    """Triggers not yet looked at, and held ones whose time has come, oldest first."""
    symptoms: tuple[Symptom, ...]
    """What is wrong now, of every node named by `pending` and of every incident in `incidents`."""
    incidents: tuple[IncidentRecord, ...]
    """Open and recovering ones, and those closed within the burst window."""
    stamps: tuple[CoolDownStamp, ...]
    """Within the cool-down, of the nodes named by `pending`."""


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """A new incident with its first triggers."""

    id: str
    scope: FaultScope
    urgency: Urgency
    at: datetime
    trigger_ids: tuple[int, ...]
    """In order of onset; the first leads."""


@dataclass(frozen=True, slots=True)
class Join:
    """Triggers that belong to an incident already there."""

    incident_id: str
    trigger_ids: tuple[int, ...]
    at: datetime
    urgency: Urgency
    """Of the incident from now on."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Two incidents turn out to be one: `incident_id` gives its triggers to `into` and closes."""

    incident_id: str
    into: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RuleOn:
    """Triggers that open or join nothing, and why."""

    trigger_ids: tuple[int, ...]
    state: TriggerState
    """HELD, REFUSED or NOTED."""
    reason: str
    until: datetime | None = None
    """For HELD."""


@dataclass(frozen=True, slots=True)
class Investigate:
    """Ask for an investigation; stamps the cool-down of every node and kind of the incident."""

    incident_id: str
    revision: int
    why: Why
    urgency: Urgency
    at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """An incident goes from one state to another."""

    incident_id: str
    state: IncidentState
    at: datetime
    reason: str = ""
    quiet_since: datetime | None = None
    flaps: int = 0


TriageChange: TypeAlias = OpenIncident | Join | Merge | RuleOn | Investigate | Move
