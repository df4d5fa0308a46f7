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
GRACE = timedelta(seconds=10)
PATIENCE = timedelta(seconds=30)
"""With what is under way and moves no more: a budget that no controller raises holds a drain for its half hour."""


async def see_through(stores: Stores, clock: Clock, *, approve: bool) -> None:
    """Wait until nothing more is sent, deciding what waits where somebody is there to.

    What was sent has then `GRACE` to show its effect. No controller makes pods anew in a simulated site, so a restarted
    one is never seen to be back: it stays carried out, and nothing waits for it. What is under way is judged as it
    stands where nothing changes for `PATIENCE`, with whatever waits for its end. No statement is cut off on the way:
    with its connection a database in memory would be gone.

    Raises:
        TimeoutError: something was still to be sent after `AT_MOST`.
    """
    moving = [ActionState.PROPOSED, ActionState.APPROVED, ActionState.RUNNING]
    if approve:
        moving.append(ActionState.WAITING)
    seen, begun_s = {"": ActionState.PROPOSED}, clock.monotonic()
    since_s = begun_s
    while left := {record.id: record.state for record in await stores.actions.in_state(*moving)}:
        if approve:
            await _approve_all(stores, clock)
        if left != seen:
            seen, since_s = left, clock.monotonic()
        elif ActionState.RUNNING in left.values() and clock.monotonic() - since_s > PATIENCE.total_seconds():
            return
        if clock.monotonic() - begun_s > AT_MOST.total_seconds():
            raise TimeoutError(f"still to be done after {AT_MOST}: {', '.join(left)}")
        await asyncio.sleep(_LOOK_S)
    until_s = clock.monotonic() + GRACE.total_seconds()
    while clock.monotonic() < until_s and await stores.actions.in_state(ActionState.CARRIED):  # noqa: ASYNC110 - no bell
        await asyncio.sleep(_LOOK_S)


async def _approve_all(stores: Stores, clock: Clock) -> None:
    for asked in await stores.approvals.waiting(clock.now()):
        decision = Decision(approve=True, digest=asked.digest, by="somebody", channel="simulated", at=clock.now())
        await stores.approvals.decide(asked.id, decision)
