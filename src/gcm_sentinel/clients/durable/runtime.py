"""The DBOS instance of this process: started, told to take no more, taken down.

DBOS keeps one instance and one registry of workflows for the whole process, which is why only one engine can be open at
a time. The registry is taken down with the instance, so the next opening starts from nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from gcm_sentinel.clients.durable.database import answered
from gcm_sentinel.clients.durable.ledger import APPLICATION, GENERATION, WORKFLOW
from gcm_sentinel.clients.durable.worker import Worker

MAX_RESTARTS = 20
"""A job that was started again so often and still is not done is given up: it has most likely killed its process each
time, and must not keep it from its other work. Orderly restarts count as well."""


class Runtime:
    """DBOS, running in this process on this event loop."""

    def __init__(self, dbos: DBOS, executor_id: str) -> None:
        self._dbos = dbos
        self.executor_id = executor_id

    @classmethod
    def launch(cls, database: sa.Engine, executor_id: str, worker: Worker, poll: timedelta) -> Runtime:
        """Start DBOS, which gives `worker` its jobs on the running event loop."""
        dbos = DBOS(
            config=DBOSConfig(
                name=APPLICATION,
                system_database_url=database.url.render_as_string(hide_password=False),
                system_database_engine=database,
                application_version=GENERATION,
                executor_id=executor_id,
                serializer=DBOSPortableJSONSerializer(),
                log_level="WARNING",
                notification_listener_polling_interval_sec=poll.total_seconds(),
                scheduler_polling_interval_sec=3600.0,
            )
        )

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RESTARTS)
        async def job(kind: str, key: str) -> None:
            await worker.perform(kind, key)

        DBOS.listen_queues(sorted(worker.kinds))
        DBOS.launch()
        return cls(dbos, executor_id)

    def take_no_more(self) -> None:
        """Stop taking jobs from the queues; one poll under way may still take some."""
        for event in self._dbos.background_thread_stop_events:
            event.set()

    async def cut_off(self, limit: timedelta) -> None:
        """Cancel the running jobs and wait for their end; none begins after this."""
        self.take_no_more()
        self._stop_waiting_for_the_database()
        await asyncio.to_thread(_join_queue_workers, limit)
        # All tasks of DBOS rather than the worker's: one that was just taken has not reached the worker yet.
        tasks = tuple(self._dbos._workflow_tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=limit.total_seconds())

    async def requeue_work_of(self, executor_ids: Sequence[str]) -> int:
        """Queue again what these processes were running. Returns how many jobs."""
        return await answered("queue unfinished jobs again", asyncio.to_thread(_requeue, list(executor_ids)))

    def _stop_waiting_for_the_database(self) -> None:
        # DBOS tries again for ever while its database is away, in threads that the interpreter waits for at its exit.
        # Its client has an option against that (retry_connection_errors); DBOS itself has only the field behind it.
        self._dbos._sys_db._retry_connection_errors = False


def _requeue(executor_ids: list[str]) -> int:
    # DBOS calls this internal. The public resume_workflows forgets how often a job was started, so a job that kills its
    # process would go round the replicas for ever.
    return len(DBOS._recover_pending_workflows(executor_ids))


def _join_queue_workers(limit: timedelta) -> None:
    deadline = time.monotonic() + limit.total_seconds()
    for thread in threading.enumerate():
        if thread.name.startswith("queue-worker-") and thread.is_alive():
            thread.join(max(0.0, deadline - time.monotonic()))


async def destroy() -> None:
    """Take DBOS down, whether or not it came up whole.

    In a thread of its own: DBOS waits for its threads, which may be waiting for this event loop. It had made its thread
    pool the loop's default and shuts that down, so the loop gets a new one.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1) as thread:
        await loop.run_in_executor(thread, _destroy)
    loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))


def _destroy() -> None:
    DBOS.destroy(destroy_registry=True)
