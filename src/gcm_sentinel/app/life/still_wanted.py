"""Whether an order under way is still to go on, asked again and again while something of it lasts for long.

What cannot change is read once: the incident, which comes with all of its evidence. So every look after the first is
two short questions, and how old the order is needs none: that is known also while the database is away. Nothing here
waits for the database; whoever may wait asks patiently.
"""

from __future__ import annotations

from datetime import timedelta

from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import UNDER_WAY, ActionRecord
from gcm_sentinel.domain.operations import DECLARED
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.trigger import Incident


class StillWanted:
    """Tells of one order, for the process that carries it out."""

    def __init__(self, stores: Stores, record: ActionRecord, clock: Clock, *, lasts: timedelta, mine: str) -> None:
        """`lasts` is how long after its beginning anything of it may run; `mine` the executor and job that do it."""
        self._stores = stores
        self._record = record
        self._clock = clock
        self._lasts = lasts
        self._mine = mine
        self._began = record.started_at
        self._incident: Incident | None = None

    async def __call__(self) -> str:
        """Why nothing more of it is to be done; empty where it is.

        Raises:
            SentinelError: the database did not tell.
        """
        return self._too_old() or await self._left() or self._too_old() or await self._over()

    def _too_old(self) -> str:
        if self._began is None or self._clock.now() - self._began <= self._lasts:
            return ""
        began, minutes = self._began.isoformat(), self._lasts.total_seconds() / 60
        return f"it was begun at {began}, and what was not sent {minutes:.0f} min later is not"

    async def _left(self) -> str:
        """Why it is not this process's any more."""
        found = await self._stores.actions.get(self._record.id)
        if found is None:
            return "the order is not stored any more"
        if found.state not in UNDER_WAY:
            return f"the order is {found.state} already"
        self._began = found.started_at
        return "" if found.executor == self._mine else "another process sees the order through"

    async def _over(self) -> str:
        order = self._record.order
        if self._incident is None:
            stored = await self._stores.investigations.get(order.investigation_id)
            self._incident = None if stored is None else stored.incident
        if self._incident is None:
            return "the assessment it rests on is not stored any more"
        if DECLARED[order.operation].carries_out:
            stands = await self._stores.actions.stands(self._incident, self._record.node)
            return "" if stands else "what opened the incident is no longer wrong, or the incident is over"
        return ""
