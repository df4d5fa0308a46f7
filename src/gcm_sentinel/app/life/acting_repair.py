"""Repair of actions: what storage believes is under way, and the acting queue does not, comes to an end.

What was begun is never begun again, because nobody knows how far it came: it has failed, and a person must look. What
was not begun has sent nothing: where the queue has never heard of it, it is handed in; where its job is over without a
word, it is refused, and a later investigation may propose it anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from gcm_sentinel.app.life.action_keys import job_key, job_of
from gcm_sentinel.app.life.refusing import refuse
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.clients.durable.config import ENDED, JobRecord
from gcm_sentinel.domain.action_record import UNDER_WAY, ActionRecord, ActionState, ApprovalState
from gcm_sentinel.domain.incident_record import Urgency
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.steps import JobQueue
from gcm_sentinel.storage.actions import Step

log = structlog.get_logger(__name__)

Look = Callable[[str], Awaitable[JobRecord | None]]


class ActingRepair:
    """Puts right what the records of actions and their queue do not agree on."""

    def __init__(self, stores: Stores, queue: JobQueue, look: Look, clock: Clock) -> None:
        """`look` tells where the job of a key stands."""
        self._stores = stores
        self._queue = queue
        self._look = look
        self._clock = clock

    async def mend(self) -> None:
        """Look at everything under way once.

        Raises:
            Retryable: a database is away.
        """
        actions = self._stores.actions
        for record in await actions.in_state(*UNDER_WAY):
            lost = _how_lost(await self._look(job_of(record)))
            if lost:
                await self._failed(record, f"{lost} while it was {record.state}: a person must look")
        for record in await actions.in_state(ActionState.PROPOSED, ActionState.APPROVED, ActionState.WAITING):
            await self._not_begun(record)

    async def _not_begun(self, record: ActionRecord) -> None:
        key = await self._due(record)
        if not key:
            return
        job = await self._look(key)
        if job is None and record.put_off:
            return  # dispatch hands it in when its node is free
        if job is None:
            log.warning("action.unknown_to_queue", action=record.id, hint="handed in again")
            await self._queue.submit(key, priority=int(Urgency.CRITICAL))
        elif job.state in ENDED:
            await self._refused(record, f"{_how_lost(job)}; nothing was sent")

    async def _due(self, record: ActionRecord) -> str:
        """Key of the work that has to go on; empty while a person has to decide."""
        asked = await self._stores.approvals.of_action(record.id)
        if asked is not None and asked.state is ApprovalState.APPROVED:
            return job_key(record, asked)
        return "" if record.state is ActionState.WAITING else job_key(record)

    async def _failed(self, record: ActionRecord, note: str) -> None:
        step = self._step(record, ActionState.FAILED, note)
        self._tell(record, note, ended=await self._stores.actions.advance(record.id, step))

    async def _refused(self, record: ActionRecord, note: str) -> None:
        """Or ended as the question about it was answered."""
        step = self._step(record, ActionState.REFUSED, note)
        self._tell(record, note, ended=await refuse(self._stores, record, step))

    def _step(self, record: ActionRecord, to: ActionState, note: str) -> Step:
        """Only from where it was read: its job may have come to its end just now."""
        return Step(to, self._clock.now(), note=note, leaves=frozenset({record.state}))

    def _tell(self, record: ActionRecord, note: str, *, ended: bool) -> None:
        if ended:
            log.error("action.job_broken", action=record.id, was=str(record.state), note=note)


def _how_lost(job: JobRecord | None) -> str:
    """Why nobody goes on with it; empty where somebody does."""
    if job is None:
        return "the queue does not know its job any more"
    return f"its job ended as {job.state.value!r} after {job.starts} starts" if job.state in ENDED else ""
