"""Acting dispatch: orders that were proposed or approved are handed to their queue; what nobody decided in time ends.

As for investigations, the rows are the outbox: whoever polls next, here or in another replica, hands over what is due,
under keys that make a second time harmless.
"""

from __future__ import annotations

import structlog

from gcm_sentinel.app.life.action_job import job_key
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.life.stage import Stage
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Approval, ApprovalState
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
        for key in due:
            if key not in self._handed_over:
                await self._queue.submit(key, priority=int(Urgency.CRITICAL))
        self._handed_over = set(due)

    async def _decided(self, record: ActionRecord) -> list[str]:
        """The key of the work that an approval of a waiting order leads to; none without one."""
        approval = await self._stores.approvals.of_action(record.id)
        if approval is None or approval.state is ApprovalState.REFUSED:
            await self._refuse(record, _refusal(approval))
        elif approval.state is ApprovalState.APPROVED:
            return [job_key(record, approval)]
        elif approval.expires_at <= self._clock.now():
            await self._refuse(record, f"nobody decided until {approval.expires_at.isoformat()}")
        return []

    async def _refuse(self, record: ActionRecord, reason: str) -> None:
        log.info("action.refused", action=record.id, reason=reason)
        waiting = frozenset({ActionState.WAITING})
        step = Step(ActionState.REFUSED, self._clock.now(), note=reason, leaves=waiting)
        await self._stores.actions.advance(record.id, step)


def _refusal(approval: Approval | None) -> str:
    if approval is None:
        return "the question about it is not stored any more"
    words = f": {approval.reason}" if approval.reason else ""
    return f"{approval.decided_by} refused by {approval.channel}{words}"
