"""Durable jobs on DBOS: opened inside the running event loop, one engine at a time in a process.

`_THE_ONE` guards that and is this module's only state; DBOS itself keeps its instance in a global (see runtime.py).

SQLite belongs to one process, which therefore always has the same executor id: whatever a former process left running
is resumed at opening. Processes that share a PostgreSQL have ids of their own; what a dead one left is taken over by
`adopt`. A process that stops in order hands its unfinished jobs back to the queue itself.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from gcm_sentinel.clients.durable.config import DurableConfig, JobKind, JobRecord, JobState, StepHook
from gcm_sentinel.clients.durable.database import connect, damage_named, dispose, is_sqlite, migrate, translated
from gcm_sentinel.clients.durable.health import Health
from gcm_sentinel.clients.durable.ledger import Ledger
from gcm_sentinel.clients.durable.runtime import Runtime, destroy
from gcm_sentinel.clients.durable.vendor_log import forwarded
from gcm_sentinel.clients.durable.worker import Worker
from gcm_sentinel.domain.errors import BadConfiguration, Bug, SentinelError

log = structlog.get_logger(__name__)

CLEAN_UP = timedelta(seconds=5)
"""For a job that is cut off."""

_THE_ONE = threading.Lock()


class Queue:
    """The `JobQueue` of one kind."""

    def __init__(self, kind: str, ledger: Ledger) -> None:
        self._kind = kind
        self._ledger = ledger

    async def submit(self, key: str, *, priority: int) -> None:
        """Have the job of `key` done once; a key submitted before is left as it is. Lower `priority` goes first (>= 1).

        Raises:
            Unreachable: the queue's database is away.
        """
        await self._ledger.submit(self._kind, key, priority)


class DurableEngine:
    """An open engine."""

    def __init__(self, runtime: Runtime, worker: Worker, ledger: Ledger, health: Health) -> None:
        self._runtime = runtime
        self._worker = worker
        self._ledger = ledger
        self._health = health

    @classmethod
    @asynccontextmanager
    async def open(
        cls, config: DurableConfig, jobs: Mapping[str, JobKind], *, on_step: StepHook | None = None
    ) -> AsyncIterator[DurableEngine]:
        """Open the engine, resume what was left running, and serve the queues until the end of the block.

        At the end the jobs still running are cut off and handed back to the queue; `drain` first to let them end.

        Raises:
            BadConfiguration: the URL or a name is wrong, the database refuses us, or its file is damaged.
            Unreachable: the database is away.
            Bug: another engine is open in this process.
        """
        if not _THE_ONE.acquire(blocking=False):
            raise Bug("a durable engine is already open in this process; DBOS allows one at a time")
        try:
            _check(jobs)
            database = connect(config.url)
            try:
                async with _opened(config, jobs, database, on_step) as engine:
                    yield engine
            finally:
                dispose(database)
        finally:
            _THE_ONE.release()

    @property
    def executor_id(self) -> str:
        """This process's name in the database."""
        return self._runtime.executor_id

    @property
    def problem(self) -> str | None:
        """What is wrong with the engine's database, for the health page; None while all is well."""
        return self._health.problem

    def queue(self, kind: str) -> Queue:
        """Where jobs of `kind` are handed in."""
        if kind not in self._worker.kinds:
            raise Bug(f"no job kind {kind!r}; there are {', '.join(sorted(self._worker.kinds))}")
        return Queue(kind, self._ledger)

    async def status(self, kind: str, key: str) -> JobRecord | None:
        """Where a job stands; None for one never submitted, or forgotten."""
        return await self._ledger.find(kind, key)

    async def cancel(self, kind: str, key: str) -> None:
        """Have nobody go on with a job, in whichever process: one that runs it is shut out at its next step. Of a kind
        that is not served here, too; a job that has ended, or is not known, stays as it is.

        Raises:
            Unreachable: the queue's database is away.
        """
        await self._ledger.cancel(kind, key)

    async def counts(self, kind: str) -> Mapping[JobState, int]:
        """How many jobs of `kind` wait and run, in all processes."""
        return await self._ledger.count(kind)

    async def ended(self, kind: str, states: Collection[JobState], since: datetime) -> tuple[JobRecord, ...]:
        """Jobs of `kind` that ended in one of `states` after `since`; failed and given-up ones will not come back."""
        return await self._ledger.ended(kind, states, since)

    async def adopt(self, executor_ids: Collection[str]) -> int:
        """Queue again what these dead processes were running. Returns how many jobs.

        Safe to call twice, from several processes, and for a process that was only frozen: it is shut out of its jobs
        at its next step.
        """
        others = sorted(set(executor_ids) - {self.executor_id})
        if not others:
            return 0
        adopted = await self._runtime.requeue_work_of(others)
        log.info("jobs.adopted", executors=others, jobs=adopted)
        return adopted

    async def forget(self, older_than: datetime) -> int:
        """Delete the record of jobs that ended before `older_than`. Returns how many.

        A forgotten key is unknown again: submitting it anew does its work anew.
        """
        return await self._ledger.forget(older_than)

    async def drain(self, limit: timedelta) -> frozenset[str]:
        """Begin no further job and wait for the running ones. Returns ``kind:key`` of those left after `limit`.

        What is left is resumed, at its lost step, by the next start or by another process.
        """
        self._runtime.take_no_more()
        return await self._worker.drain(limit.total_seconds())


@asynccontextmanager
async def _opened(
    config: DurableConfig, jobs: Mapping[str, JobKind], database: sa.Engine, on_step: StepHook | None
) -> AsyncIterator[DurableEngine]:
    ledger = Ledger(database)
    worker = Worker(config, jobs, ledger, on_step)
    with forwarded():
        with damage_named(database.url):
            await migrate(database)
            await ledger.register(jobs, config.poll)
        async with _launched(config, database, worker) as runtime:
            health = Health(runtime.executor_id, ledger, worker, config.poll)
            async with health.watching():
                yield DurableEngine(runtime, worker, ledger, health)


@asynccontextmanager
async def _launched(config: DurableConfig, database: sa.Engine, worker: Worker) -> AsyncIterator[Runtime]:
    executor_id = "only" if is_sqlite(config.url) else config.executor_id
    try:
        with translated("start the durable queue"):
            runtime = Runtime.launch(database, executor_id, worker, config.poll)
        try:
            yield runtime
        finally:
            await _hand_back(runtime, worker)
    finally:
        await destroy()


async def _hand_back(runtime: Runtime, worker: Worker) -> None:
    worker.begin_no_more()
    await runtime.cut_off(CLEAN_UP)
    try:
        await runtime.requeue_work_of([runtime.executor_id])
    except SentinelError as error:
        log.warning("jobs.not_handed_back", reason=str(error))


def _check(jobs: Mapping[str, JobKind]) -> None:
    for kind, job in jobs.items():
        if not kind or ":" in kind:
            raise BadConfiguration(f"a job kind is a name without a colon, not {kind!r}")
        if job.concurrency < 1:
            raise BadConfiguration(f"{kind}: concurrency must be at least 1, not {job.concurrency}")
