"""What happened before: past incidents of a node, a GPU (by UUID or serial) or a fault class.

Written by storage/ when an assessment is stored, read by datasources/history.py through `IncidentHistory`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.entity import Entity


@dataclass(frozen=True, slots=True)
class PastIncident:
    """One earlier incident as the next investigation needs it."""

    incident_id: str
    node: str
    opened_at: datetime
    closed_at: datetime | None
    """None while it is open."""
    kinds: tuple[str, ...]
    """Condition types and alert names."""
    fault_class: str
    severity: Severity
    confidence: float
    summary: str
    action: str
    """The primary recommended action."""
    entities: tuple[Entity, ...]
    """The parts the assessment is about (domain/concerned.py): its culprits, else the GPUs its actions aim at."""
    close_reason: str = ""
    actions_taken: tuple[str, ...] = ()
    """Actions that were carried out, oldest first: ``reset_gpu 2026-11-02T10:00:00+00:00 verified``."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which earlier incidents are asked for; empty fields do not narrow."""

    since: datetime
    node: str = ""
    part: str = ""
    """GPU UUID or serial number, exact."""
    fault_class: str = ""
    excluding: str = ""
    """Incident id to leave out: the one under investigation."""
    limit: int = 50


class IncidentHistory(Protocol):
    """Past incidents, newest first."""

    async def past(self, query: HistoryQuery) -> tuple[PastIncident, ...]:
        """Those that match.

        Raises:
            SentinelError: the store cannot be read.
        """
        ...

    async def kept_since(self) -> datetime | None:
        """When the oldest incident that is still kept was opened; None when none is.

        That nothing is found means nothing about the time before.

        Raises:
            SentinelError: the store cannot be read.
        """
        ...
