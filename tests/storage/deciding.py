"""Observations and decisions in a few words, for the tests about triggers and triage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.storage.given import NOW, XID, at

from gcm_sentinel.domain.incident_record import StoredTrigger, Urgency, Why
from gcm_sentinel.domain.triage_changes import Investigate, OpenIncident, TriageChange, TriageSnapshot
from gcm_sentinel.domain.trigger import FaultScope, Trigger, TriggerStatus
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.triage import TriageStore
from gcm_sentinel.storage.triggers import Triggers

BURST, COOLDOWN = timedelta(minutes=3), timedelta(hours=1)
LEAF = FaultScope("leaf_switch", "leaf-7")


def observed(
    status: str = "problem",
    node: str = "gpu-1",
    kind: str = XID,
    *,
    changed: float | None = 0,
    seen: float | None = None,
    uid: str = "",
) -> Trigger:
    """An observation of a condition that changed at minute `changed`, made at minute `seen` (just then)."""
    moment = at(seen if seen is not None else changed or 0)
    transition = None if changed is None else at(changed)
    return Trigger(
        "kubernetes", node, kind, TriggerStatus(status), "Bad", "Xid 79", moment, transition, uid or f"uid-of-{node}"
    )


class Triage:
    """Stores observations and takes decisions, one line each."""

    def __init__(self, database: Database) -> None:
        self.triggers = Triggers(database)
        self.store = TriageStore(database)

    async def tell(self, *observations: Trigger) -> int:
        """A watcher's batch."""
        return await self.triggers.store(observations)

    async def look(self, now: datetime = NOW) -> TriageSnapshot:
        """What triage would decide over."""
        async with self.store.session(now, burst=BURST, cooldown=COOLDOWN) as session:
            return session.snapshot

    async def decide(self, *changes: TriageChange, now: datetime = NOW) -> None:
        """One decision."""
        async with self.store.session(now, burst=BURST, cooldown=COOLDOWN) as session:
            await session.apply(changes)

    async def open(self, incident_id: str, *observations: Trigger) -> tuple[int, ...]:
        """An incident of these observations, with its first investigation wanted; the ids of its triggers."""
        await self.tell(*observations)
        ids = ids_of((await self.look()).pending)
        opened = OpenIncident(incident_id, LEAF, Urgency.WARNING, NOW, ids)
        await self.decide(opened, Investigate(incident_id, 1, Why.OPENED, Urgency.WARNING, NOW))
        return ids


def ids_of(pending: Sequence[StoredTrigger]) -> tuple[int, ...]:
    """The ids of stored triggers."""
    return tuple(stored.id for stored in pending)
