"""Repair: work that storage believes is under way and the queue does not is put right, so that nothing waits for ever.

That happens when the queue's own database was lost or restored, when a job met a fault of ours, or when a process
died so often over one job that the queue gave it up; and when a power cut took the last writes of one of SQLite's two
files, so that a job is done whose result is not stored. An investigation is marked failed, and triage has it tried
again; a delivery counts as a failed attempt; what the queue has never heard of is handed in again. Actions have a
repair of their own (acting_repair.py), because what was begun there is not begun again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from gcm_sentinel.app.life.delivery_job import OnAttempt, record_failure, unheard
from gcm_sentinel.app.life.dispatch import PER_SINK, delivery_key
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.clients.durable.config import JobRecord, JobState
from gcm_sentinel.domain.incident_record import DeliveryRecord, Urgency
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.steps import JobQueue
from gcm_sentinel.notify.publish import Delivery

log = structlog.get_logger(__name__)

EVERY_S = 60.0
_GRACE = timedelta(minutes=1)
"""How long a delivery may be owed before the queue is asked about it: a finished job's row is a moment behind."""
_OVER = frozenset({JobState.DONE, JobState.FAILED, JobState.GIVEN_UP, JobState.CANCELLED})
"""States of a job that nobody goes on with. One that is done has stored its result before, so what is stored as under
way after that is not."""

Look = Callable[[str], Awaitable[JobRecord | None]]


class Repair:
    """Puts right what storage and the queue do not agree on."""

    def __init__(
        self,
        stores: Stores,
        to_investigate: tuple[JobQueue, Look],
        to_deliver: tuple[JobQueue, Look],
        clock: Clock,
        *,
        on_attempt: OnAttempt = unheard,
    ) -> None:
        """Each queue comes with a way to ask it where the job of a key stands.

        `on_attempt` hears of the deliveries that count as a failed attempt.
        """
        self._stores = stores
        self._investigations, self._look_investigation = to_investigate
        self._deliveries, self._look_delivery = to_deliver
        self._clock = clock
        self._on_attempt = on_attempt

    async def mend(self) -> None:
        """Look at everything under way once.

        Raises:
            Retryable: a database is away.
        """
        for record in await self._stores.investigations.under_way():
            job = await self._look_investigation(record.id)
            if job is None:
                log.warning("investigation.unknown_to_queue", investigation=record.id, hint="handed in again")
                await self._investigations.submit(record.id, priority=int(record.urgency))
            elif job.state in _OVER:
                log.error("investigation.job_broken", investigation=record.id, job=job.state.value, starts=job.starts)
                note = f"its job ended as {job.state.value!r} after {job.starts} starts; the log says why"
                await self._stores.investigations.fail(record.id, note)
        await self._mend_deliveries()

    async def _mend_deliveries(self) -> None:
        for record in await self._stores.deliveries.owed(self._clock.now() - _GRACE, per_sink=PER_SINK):
            key = delivery_key(record)
            job = await self._look_delivery(key)
            if job is None:
                await self._deliveries.submit(key, priority=int(Urgency.WARNING))
            elif job.state in _OVER:
                await self._count_delivery(record, f"its job ended as {job.state.value!r} without a result")

    async def _count_delivery(self, record: DeliveryRecord, reason: str) -> None:
        """As a failed attempt, so that one that fails whenever it is tried comes to an end as well."""
        names = {"investigation": record.investigation_id, "notifier": record.notifier}
        log.error("delivery.job_broken", attempts=record.attempts, **names)
        delivery = Delivery(record.notifier, delivered=False, took_s=0.0, reason=reason, retryable=True)
        state = await record_failure(self._stores.deliveries, record, delivery, self._clock.now())
        self._on_attempt(record.investigation_id, delivery, state)
