"""Incidents, triggers, investigations and deliveries as they are stored: the frozen rows that triage decides over.

storage/ reads and writes them, triage/ decides with them, app/ and the history source show them. Times are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from gcm_sentinel.domain.assessment import Outcome, Severity, Spend
from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.trigger import FaultScope, Trigger, TriggerStatus


class Urgency(IntEnum):
    """How soon a trigger or incident deserves an investigation, before anyone has looked; 1 goes first."""

    CRITICAL = 1
    WARNING = 2
    INFO = 3


class TriggerState(StrEnum):
    """What became of a stored trigger."""

    PENDING = "pending"
    """Stored, not yet looked at by triage."""
    FOLDED = "folded"
    """Part of the incident it names."""
    HELD = "held"
    """Waits until `hold_until` (cool-down, flapping); then it is looked at again."""
    REFUSED = "refused"
    """Not admitted, with the reason; nothing follows."""
    NOTED = "noted"
    """A recovery, or a problem that went away while it was held: kept, needs nothing."""


@dataclass(frozen=True, slots=True)
class StoredTrigger:
    """A trigger with its place in storage."""

    id: int
    trigger: Trigger
    state: TriggerState
    stored_at: datetime
    incident_id: str | None = None
    reason: str = ""
    """Why it is held, refused or noted."""
    hold_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Symptom:
    """What is wrong now: the last observation of one kind on one node (and GPU), while it is bad."""

    node: str
    kind: str
    family: Family
    status: TriggerStatus
    since: datetime
    """Its transition time, or when it was first observed."""
    gpu_uuid: str = ""
    source: str = "kubernetes"
    incident_id: str | None = None
    """The incident it belongs to; None while it waits or was refused."""
    node_uid: str = ""
    """Which node of that name it was seen on; empty where the observation did not say."""


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    """Something is wrong; an investigation is wanted, runs, or has been published."""
    RECOVERING = "recovering"
    """Nothing is wrong any more; closes when it stays so (`quiet_since`)."""
    CLOSED = "closed"


class InvestigationState(StrEnum):
    """Where one investigation of an incident stands."""

    WANTED = "wanted"
    """Decided by triage; not yet handed to the queue."""
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """No model could finish it; tried again later."""
    DROPPED = "dropped"
    """Not needed any more: the incident was merged or closed first. `note` says why."""


class Why(StrEnum):
    """Why an investigation was asked for."""

    OPENED = "opened"
    REOPENED = "reopened"
    """A new kind of symptom, or the fault came back."""
    ESCALATED = "escalated"
    RETRY = "retry"
    """The one before failed."""
    REVISIT = "revisit"
    """The playbook engine stood in for the LLM, which can answer again."""
    BY_HAND = "by-hand"


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """One incident as triage sees it. Closed ones are not loaded, but for those within the burst window."""

    id: str
    scope: FaultScope
    state: IncidentState
    urgency: Urgency
    opened_at: datetime
    last_trigger_at: datetime
    """When the newest problem trigger joined."""
    revision: int = 0
    """Investigations asked for so far."""
    nodes: frozenset[str] = frozenset()
    families: frozenset[Family] = frozenset()
    kinds: frozenset[str] = frozenset()
    quiet_since: datetime | None = None
    """Since when nothing is wrong any more; None while something is."""
    flaps: int = 0
    """How often it went quiet and came back."""
    investigation: InvestigationState | None = None
    """State of the newest investigation; None before the first."""
    investigated_at: datetime | None = None
    """When the newest investigation was asked for."""
    stand_in: bool = False
    """Whether the newest finished investigation was the playbook engine's in place of an LLM."""
    revisits: int = 0
    failures: int = 0
    """Investigations that failed in a row."""
    severity: Severity | None = None
    """Of the newest assessment."""
    closed_at: datetime | None = None
    close_reason: str = ""


@dataclass(frozen=True, slots=True)
class CoolDownStamp:
    """When a kind on a node was last investigated, and how urgent it seemed."""

    node: str
    kind: str
    at: datetime
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class InvestigationRecord:
    """One investigation, for lists and pages; the assessment and transcript are loaded apart."""

    id: str
    incident_id: str
    revision: int
    state: InvestigationState
    why: Why
    urgency: Urgency
    requested_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    executor: str = ""
    engine: str = ""
    model: str = ""
    outcome: Outcome | None = None
    severity: Severity | None = None
    fault_class: str = ""
    summary: str = ""
    action: str = ""
    """The primary recommended action."""
    confidence: float | None = None
    spend: Spend | None = None
    note: str = ""
    """Why another engine answered, or why it failed or was dropped."""


class DeliveryState(StrEnum):
    """What became of one assessment at one sink."""

    OWED = "owed"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    LEFT_OUT = "left_out"
    """The agent's mode does not let that sink show anything now."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One assessment owed to one sink, in its newest edition."""

    investigation_id: str
    notifier: str
    state: DeliveryState
    attempts: int = 0
    owed_at: datetime | None = None
    next_at: datetime | None = None
    """When it is offered again."""
    delivered_at: datetime | None = None
    """Of the newest edition that was delivered."""
    reason: str = ""
    """The last failure, or why it was left out."""
    edition: int = 1
    """The first is the assessment; each further one tells what became of an action."""
