"""What the tests of durable work share: an engine opened with quick polls, jobs, and waiting for a condition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from gcm_sentinel.clients.durable import (
    ENDED,
    DurableConfig,
    DurableEngine,
    JobKind,
    JobState,
    StepHook,
)
from gcm_sentinel.domain.steps import Codec, Job, Steps

DEADLINE_S = 60.0
POLL = timedelta(milliseconds=20)
KIND = "investigation"
TEXT: Codec[str] = Codec(encode=lambda text: text, decode=str)


@asynccontextmanager
async def opened(
    url: str,
    job: Job | JobKind,
    *,
    version: str = "1",
    executor: str = "a",
    on_step: StepHook | None = None,
) -> AsyncIterator[DurableEngine]:
    """An engine with one kind of job."""
    kind = job if isinstance(job, JobKind) else JobKind(job, concurrency=4)
    config = DurableConfig(url=url, executor_id=executor, version=version, poll=POLL)
    async with DurableEngine.open(config, {KIND: kind}, on_step=on_step) as engine:
        yield engine


async def until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        await asyncio.sleep(0.005)


async def ended(engine: DurableEngine, *keys: str) -> tuple[JobState, ...]:
    """Wait until these jobs have ended; how they did."""
    async with asyncio.timeout(DEADLINE_S):
        return tuple([await _ended(engine, key) for key in keys])


async def _ended(engine: DurableEngine, key: str) -> JobState:
    while True:
        record = await engine.status(KIND, key)
        if record is not None and record.state in ENDED:
            return record.state
        await asyncio.sleep(0.005)


async def do(engine: DurableEngine, *keys: str) -> tuple[JobState, ...]:
    """Submit these jobs and wait for their end."""
    for key in keys:
        await engine.queue(KIND).submit(key, priority=1)
    return await ended(engine, *keys)


async def step(steps: Steps, name: str, seen: list[str]) -> str:
    """A step that notes that it was done."""

    async def work() -> str:
        seen.append(name)
        return f"{name} done"

    return await steps.run(name, work, TEXT)


class Halting:
    """A job of named steps that waits before the one it is told to halt at, for as long as it is told to."""

    def __init__(self, names: Sequence[str], halt_before: str | None = None) -> None:
        self._names = names
        self._halt_before = halt_before
        self.worked: list[str] = []
        """Steps whose work was done, in order."""
        self.results: list[str] = []
        self.halted = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, key: str, steps: Steps) -> None:
        """Run the steps."""
        for name in self._names:
            if name == self._halt_before:
                self.halted.set()
                await self.go_on.wait()
            self.results.append(await step(steps, name, self.worked))


async def cut_off(url: str, job: Halting, key: str = "k") -> None:
    """Run `job` until it halts, and close the engine under it."""
    async with opened(url, job) as engine:
        await engine.queue(KIND).submit(key, priority=1)
        async with asyncio.timeout(DEADLINE_S):
            await job.halted.wait()


Work = Callable[[], Awaitable[str]]
