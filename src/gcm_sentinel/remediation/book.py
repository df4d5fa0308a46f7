"""What remediation asks of storage: what was ordered before, what is under way, and whether the breaker is open."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from gcm_sentinel.domain.acting_policy import Breaker
from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.advice import NewerAdvice
from gcm_sentinel.domain.trigger import Incident


class ActionBook(Protocol):
    """The records of actions; every method raises `Retryable` while storage is away."""

    async def of_incident(self, incident_id: str) -> tuple[ActionRecord, ...]:
        """Everything ordered for one incident, in that order."""
        ...

    async def begun_since(self, since: datetime) -> tuple[datetime, ...]:
        """When the actions of all incidents began that began since then."""
        ...

    async def reserved(self) -> frozenset[str]:
        """Nodes that actions under way are taking out of service, and those with a GPU that a directive of ours did."""
        ...

    async def breaker(self) -> Breaker:
        """The circuit breaker as it stands."""
        ...

    async def open_breaker(self, at: datetime, reason: str) -> bool:
        """Open it; False where it is open already, with the reason it had."""
        ...

    async def stands(self, incident: Incident, node: str) -> bool:
        """Whether the incident is open and something that opened it, on `node` where it did there, is still wrong."""
        ...

    async def newer_advice(self, investigation_id: str) -> NewerAdvice | None:
        """What the newest investigation of the same incident came to; None where none is newer than this and done."""
        ...
