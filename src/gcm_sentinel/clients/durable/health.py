"""Watches the engine's database, and for jobs that no process would ever go on with.

Two sorts of them are left behind when the database fails, or the process dies, at the wrong moment: jobs that the
database believes this process is running, and jobs that were being set back (see worker.py). Both would stay as they
are until the next start, or for ever; each is queued again once it was seen so twice in a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from gcm_sentinel.clients.durable.ledger import Ledger
from gcm_sentinel.clients.durable.worker import Worker
from gcm_sentinel.domain.errors import SentinelError

log = structlog.get_logger(__name__)

PING_POLLS = 5
SWEEP_PINGS = 6
"""A look for forgotten jobs at every so many pings."""


class Health:
    """What is wrong with the engine."""

    def __init__(self, executor_id: str, ledger: Ledger, worker: Worker, poll: timedelta) -> None:
        self._executor_id = executor_id
        self._ledger = ledger
        self._worker = worker
        self._every_s = poll.total_seconds() * PING_POLLS
        self._suspects: frozenset[str] = frozenset()
        self.problem: str | None = None
        """For the health page; None while all is well."""

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look after the engine until the end of the block."""
        # Not a TaskGroup: that would wrap what the block raises into an exception group.
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        pings = 0
        while True:
            await asyncio.sleep(self._every_s)
            pings += 1
            try:
                await self._ledger.ping()
                if pings % SWEEP_PINGS == 0:
                    await self._sweep()
            except SentinelError as error:
                self._note(str(error))
            else:
                self._note(None)

    def _note(self, problem: str | None) -> None:
        if problem is not None and self.problem is None:
            log.warning("durable.database_away", reason=problem)
        if problem is None and self.problem is not None:
            log.info("durable.database_back")
        self.problem = problem

    async def _sweep(self) -> None:
        believed = await self._ledger.running_as(self._executor_id)
        without_runner = {job: kind for job, kind in believed.items() if job not in self._worker.running}
        half_set_back = await self._ledger.half_set_back()
        for workflow in self._suspects & without_runner.keys():
            log.warning("job.found_without_runner", workflow=workflow)
            await self._ledger.requeue(workflow, without_runner[workflow])
        for workflow in self._suspects & half_set_back.keys():
            log.warning("job.found_half_set_back", workflow=workflow)
            await self._ledger.rewind(workflow, half_set_back[workflow])
        self._suspects = frozenset((*without_runner, *half_set_back)) - self._suspects
