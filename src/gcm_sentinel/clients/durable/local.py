"""The durable queue's port in memory: for the demo, evaluation, one investigation by hand, and tests. Nothing is
recorded."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from gcm_sentinel.domain.steps import Job, Steps, Unrecorded

log = structlog.get_logger(__name__)


class LocalQueue:
    """A `JobQueue` that runs its jobs in this event loop, the most urgent first."""

    def __init__(self, job: Job, *, concurrency: int, steps: Steps | None = None) -> None:
        self._job = job
        self._concurrency = concurrency
        self._steps: Steps = Unrecorded() if steps is None else steps
        self._waiting: list[tuple[int, int, str]] = []
        self._known: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failed: list[str] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, job: Job, *, concurrency: int, steps: Steps | None = None) -> AsyncIterator[LocalQueue]:
        """A queue whose running jobs are cancelled at the end."""
        queue = cls(job, concurrency=concurrency, steps=steps)
        try:
            yield queue
        finally:
            await queue._stop()

    @property
    def failed(self) -> tuple[str, ...]:
        """Keys of the jobs that raised, in the order they did."""
        return tuple(self._failed)

    async def submit(self, key: str, *, priority: int) -> None:
        """Have the job of `key` done once; a key submitted before is left as it is. Lower `priority` goes first."""
        if key in self._known:
            return
        heapq.heappush(self._waiting, (priority, len(self._known), key))
        self._known.add(key)
        self._idle.clear()
        self._fill()

    async def idle(self) -> None:
        """Wait until no job waits or runs, those included that running jobs submit."""
        await self._idle.wait()

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._concurrency:
            _, _, key = heapq.heappop(self._waiting)
            task = asyncio.create_task(self._run(key))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._fill()
        if not self._running:
            self._idle.set()

    async def _run(self, key: str) -> None:
        try:
            await self._job(key, self._steps)
        except Exception:  # the border of a task: one job's failure must not stop the others
            self._failed.append(key)
            log.exception("job.failed", key=key)

    async def _stop(self) -> None:
        self._waiting.clear()
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
