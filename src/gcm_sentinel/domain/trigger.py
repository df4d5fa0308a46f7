"""A trigger: one observation worth looking into, as a frozen value with a stable fingerprint. An incident: what
triggers with a shared cause are folded into, as an investigation is given it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class TriggerStatus(StrEnum):
    """What the observation says about the problem."""

    PROBLEM = "problem"
    UNKNOWN = "unknown"
    """The checker could not tell; often the worst case (a wedged GPU or driver)."""
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One observation of a watcher or a person."""

    source: str
    """``kubernetes``, ``sentinel``, ``alert`` or ``manual``."""
    node: str
    kind: str
    """Condition type or alert name."""
    status: TriggerStatus
    reason: str
    message: str
    observed_at: datetime
    transition_at: datetime | None = None
    """When the condition last changed, by its reporter's clock; None when it did not say."""
    node_uid: str | None = None
    gpu_uuid: str | None = None
    sequence: int | None = field(default=None, compare=False)
    """The source's own count of changes when this was seen (Kubernetes: the node's resource version): which of two
    observations of one subject is the newer, whatever the clocks say. None where the source counts nothing."""

    @property
    def fingerprint(self) -> str:
        """Equal for two observations of the same transition: what makes a repeated relist fire nothing twice."""
        moment = self.transition_at.isoformat() if self.transition_at else ""
        parts = (self.source, self.node_uid or self.node, self.gpu_uuid or "", self.kind, self.status, moment)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Followed:
    """What following a source's log of events brought, stored together or not at all."""

    source: str
    triggers: tuple[Trigger, ...]
    """May be none: the log may tell of things that concern nobody on call."""
    position: int | None
    """How far in its log that reaches; None where it says nothing about it."""


NODE = "node"
"""The kind of a scope that is one node."""


@dataclass(frozen=True, slots=True, order=True)
class FaultScope:
    """What the triggers of an incident share: one node, or a topology key such as a rack or a leaf switch."""

    kind: str
    """``node`` or a topology key (``rack``, ``power_feed``, ``leaf_switch``, ``driver_version``, ``job`` ...)."""
    key: str
    """The node's name, or the key's value."""

    def __str__(self) -> str:
        """As people read it: ``leaf_switch leaf-07``."""
        return f"{self.kind} {self.key}"


@dataclass(frozen=True, slots=True)
class Incident:
    """What is investigated: one or more triggers with a shared cause, led by the first."""

    id: str
    triggers: tuple[Trigger, ...]
    """The lead, then the others in order of onset; of a storm only a share of them (`nodes` names everyone)."""
    opened_at: datetime
    revision: int = 1
    """Which investigation of this incident this is: 1, 2 after it was reopened or asked for again ..."""
    scope: FaultScope | None = None
    """None for the node of the lead trigger."""
    nodes: tuple[str, ...] = ()
    """Every affected node, sorted; empty for the lead's node alone."""

    @property
    def lead(self) -> Trigger:
        """The trigger that opened the incident."""
        return self.triggers[0]

    @property
    def node(self) -> str:
        """The node the incident was opened for."""
        return self.lead.node

    @property
    def affected(self) -> tuple[str, ...]:
        """Every affected node, the lead's alone where nobody said more."""
        return self.nodes or (self.node,)

    @property
    def investigation_id(self) -> str:
        """``inc-….2``: what evidence, transcript, assessment and deliveries are stored under."""
        return f"{self.id}.{self.revision}"
