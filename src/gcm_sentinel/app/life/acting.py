"""Acting dispatch: orders that were proposed or approved are handed to their queue; what nobody decided in time ends.

As for investigations, the rows are the outbox: whoever polls next, here or in another replica, hands over what is due,
under keys that make a second time harmless.
"""

from __future__ import annotations

import structlog

from gcm_sentinel.app.life.action_keys import job_key
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.life.refusing import refusal_of
from gcm_sentinel.app.life.stage import Stage
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import (
    UNDER_WAY,
    ActionRecord,
    ActionState,
    Approval,
    ApprovalState,
    Refusal,
)
from gcm_sentinel.domain.incident_record import Urgency
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.steps import JobQueue
from gcm_sentinel.storage.actions import Step

log = structlog.get_logger(__name__)

POLL_S = 2.0


class ActingDispatch:
    """Hands orders to the acting queue of one process."""

    def __init__(self, stores: Stores, queue: JobQueue, clock: Clock, pulse: Pulse) -> None:
        self._stores = stores
        self._queue = queue
        self._clock = clock
        self._pulse = pulse
        self._handed_over: set[str] = set()
        self.stage = Stage("acting", clock)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if await self.stage.attempt(self.hand_over, self._pulse.acting.wait):
                await self._pulse.acting.wait(POLL_S)

    async def hand_over(self) -> None:
        """Everything that is due now."""
        due = [job_key(record) for record in await self._stores.actions.in_state(ActionState.PROPOSED)]
        for record in await self._stores.actions.in_state(ActionState.WAITING):
            due.extend(await self._decided(record))
        due.extend(await self._put_off())
        for key in due:
            if key not in self._handed_over:
                await self._queue.submit(key, priority=int(Urgency.CRITICAL))
        self._handed_over = set(due)

    async def _decided(self, record: ActionRecord) -> list[str]:
        """The key of the work that an approval of a waiting order leads to; none without one."""
        approval = await self._stores.approvals.of_action(record.id)
        if approval is None:
            await self._refuse(record, "the question about it is not stored any more", Refusal.RULED)
        elif approval.state is ApprovalState.APPROVED:
            return [job_key(record, approval)]
        elif said := refusal_of(approval, self._clock.now()):
            await self._refuse(record, *said)
        else:
            await self._withdraw_if_superseded(record, approval)
        return []

    async def _withdraw_if_superseded(self, record: ActionRecord, approval: Approval) -> None:
        """A question that a newer investigation has answered is not left for people to find."""
        newer = await self._stores.actions.newer_advice(record.order.investigation_id)
        if newer is None or newer.advises(record.order):
            return
        if await self._stores.approvals.withdraw(approval, self._clock.now(), newer.words):
            await self._refuse(record, newer.words, Refusal.RULED)

    async def _put_off(self) -> list[str]:
        """Keys of the orders that waited for something else on their node, which is over."""
        waiting = [record for record in await self._stores.actions.in_state(ActionState.APPROVED) if record.put_off]
        if not waiting:
            return []
        busy = {record.node for record in await self._stores.actions.in_state(*UNDER_WAY)}
        free = [record for record in waiting if record.node not in busy]
        return [await self._next_try(record) for record in free]

    async def _next_try(self, record: ActionRecord) -> str:
        asked = await self._stores.approvals.of_action(record.id)
        return job_key(record, asked if asked is not None and asked.state is ApprovalState.APPROVED else None)

    async def _refuse(self, record: ActionRecord, reason: str, refusal: Refusal) -> None:
        log.info("action.refused", action=record.id, reason=reason)
        waiting = frozenset({ActionState.WAITING})
        step = Step(ActionState.REFUSED, self._clock.now(), note=reason, leaves=waiting, refusal=refusal)
        await self._stores.actions.advance(record.id, step)
