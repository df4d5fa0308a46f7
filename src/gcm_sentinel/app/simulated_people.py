"""The people of a simulated site: they approve whatever they are asked, or nobody is there to."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import ActionState, Decision
from gcm_sentinel.domain.protocols import Clock

_LOOK_S = 0.05
AT_MOST = timedelta(seconds=90)
"""For everything an incident leads to in a simulated site, where nothing takes its real time."""


async def see_through(stores: Stores, clock: Clock, *, approve: bool) -> None:
    """Wait until no action is under way, deciding those that wait where somebody is there to.

    Raises:
        TimeoutError: one did not end in `AT_MOST`.
    """
    moving = [ActionState.PROPOSED, ActionState.APPROVED, ActionState.RUNNING, ActionState.CARRIED]
    if approve:
        moving.append(ActionState.WAITING)
    async with asyncio.timeout(AT_MOST.total_seconds()):
        while await stores.actions.in_state(*moving):
            if approve:
                await _approve_all(stores, clock)
            await asyncio.sleep(_LOOK_S)


async def _approve_all(stores: Stores, clock: Clock) -> None:
    for asked in await stores.approvals.waiting(clock.now()):
        decision = Decision(approve=True, digest=asked.digest, by="somebody", channel="simulated", at=clock.now())
        await stores.approvals.decide(asked.id, decision)
