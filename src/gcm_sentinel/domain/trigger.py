"""A trigger: one observation worth looking into, as a frozen value with a stable fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
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

    @property
    def fingerprint(self) -> str:
        """Equal for two observations of the same transition: what makes a repeated relist fire nothing twice."""
        moment = self.transition_at.isoformat() if self.transition_at else ""
        parts = (self.source, self.node_uid or self.node, self.gpu_uuid or "", self.kind, self.status, moment)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Incident:
    """What is investigated: one or more triggers with a shared cause, led by the first."""

    id: str
    triggers: tuple[Trigger, ...]
    opened_at: datetime

    @property
    def lead(self) -> Trigger:
        """The trigger that opened the incident."""
        return self.triggers[0]

    @property
    def node(self) -> str:
        """The node the incident was opened for."""
        return self.lead.node
