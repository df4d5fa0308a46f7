"""Cases one after the other in this process, or in several processes side by side: a case keeps one core busy, and
cases know nothing of each other.

Each worker has one end of a pipe, on which a case comes and its result goes, one after the other. A worker that is told
to terminate, or whose pipe closes because we were killed, ends its world first. One that ends in the middle of a case
costs that case; another takes its place.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from gcm_sentinel.app.eval_case import Manner, Result, not_run, run_case
from gcm_sentinel.app.garbage import collecting_rarely, keep_what_is_loaded
from gcm_sentinel.app.simulated import Case

OnResult = Callable[[int, Result], None]
"""Called with the place of a case in its order, and its result."""
MayGoOn = Callable[[], bool]
"""Asked before each case; once it says no, none is begun any more."""


def always() -> bool:
    """A `MayGoOn` for a run without a ceiling."""
    return True


async def run_in_turn(chosen: Sequence[Case], how: Manner, on_result: OnResult, may_go_on: MayGoOn = always) -> None:
    """Run every case here. One that ends the process ends the others with it; one case alone loads nothing twice."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)  # its worlds end with it, in order
    try:
        with collecting_rarely():
            if len(chosen) == 1 and may_go_on():
                on_result(0, await run_case(chosen[0], how, None))
                return
            async with _cases(how) as run:
                for place, case in enumerate(chosen):
                    if not may_go_on():
                        return
                    on_result(place, await run(case))
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def run_side_by_side(
    chosen: Sequence[Case], how: Manner, jobs: int, on_result: OnResult, may_go_on: MayGoOn = always
) -> None:
    """Run every case in one of `jobs` processes."""
    left = iter(list(enumerate(chosen)))
    async with asyncio.TaskGroup() as group:
        for _ in range(min(jobs, len(chosen))):
            group.create_task(_keep_busy(left, how, on_result, may_go_on))


async def _keep_busy(left: Iterator[tuple[int, Case]], how: Manner, on_result: OnResult, may_go_on: MayGoOn) -> None:
    worker = _Worker(how)
    try:
        for place, case in left:
            if not may_go_on():
                return
            result = await worker.run(case)
            if result is None:
                code = await worker.end()
                worker = _Worker(how)
                result = not_run(case, how.engine, f"the process that ran it ended with exit code {code}")
            on_result(place, result)
    finally:
        await worker.end()


class _Worker:
    """A process that runs cases."""

    def __init__(self, how: Manner) -> None:
        self._how = how
        self._ours: Connection | None = None
        self._process: SpawnProcess | None = None

    async def run(self, case: Case) -> Result | None:
        """The result of a case; None when the process ended."""
        return await asyncio.to_thread(self._run, case)

    def _run(self, case: Case) -> Result | None:
        ours = self._ours or self._start()
        try:
            ours.send(case)
            answer = ours.recv()
        except (EOFError, OSError):
            return None
        return answer if isinstance(answer, Result) else None

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._ours, its = context.Pipe()
        self._process = context.Process(target=_work, args=(its, self._how), name="eval")
        self._process.start()
        its.close()
        return self._ours

    async def end(self) -> int | None:
        """Have it end, wherever it is; its exit code."""
        if self._ours is None or self._process is None:
            return None
        self._process.terminate()
        self._ours.close()
        await asyncio.to_thread(self._process.join)
        return self._process.exitcode


def _work(orders: Connection, how: Manner) -> None:
    """In the worker: run what comes until the other end is closed."""
    from gcm_sentinel.app.logs import configure

    configure("ERROR")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells all of us; who started us decides
    with suppress(EOFError, OSError, asyncio.CancelledError):
        asyncio.run(_run_all(orders, how))


async def _run_all(orders: Connection, how: Manner) -> None:
    whole = asyncio.current_task()
    if whole is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole.cancel)
    with collecting_rarely():
        async with _cases(how) as run:
            while True:
                case = await asyncio.to_thread(orders.recv)
                orders.send(await run(case))


@asynccontextmanager
async def _cases(how: Manner) -> AsyncIterator[Callable[[Case], Awaitable[Result]]]:
    """Runs case after case; what the first of them loaded serves the others."""
    from sentinel_fleet.sentinel.warm import warm_gateways

    loaded = False
    async with warm_gateways() as launch:

        async def run(case: Case) -> Result:
            nonlocal loaded
            result = await run_case(case, how, launch)
            if not loaded:
                keep_what_is_loaded()
                loaded = True
            return result

        yield run
