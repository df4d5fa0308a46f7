"""Cases one after the other in this process, or in several processes side by side: a case keeps one core busy, and
cases know nothing of each other.

Each worker has one end of a pipe, on which a case comes and its result goes, one after the other. A worker that is told
to terminate, or whose pipe closes because we were killed, ends its world first. One that ends in the middle of a case,
or is silent for longer than a case may take and is killed, costs that case; another takes its place. A terminal
interrupts all of us at once: a worker is deaf to it from its first instruction, and who started it decides.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import structlog

from gcm_sentinel.app.eval_case import Manner, Result, not_run, run_case
from gcm_sentinel.app.garbage import collecting_rarely, keep_what_is_loaded
from gcm_sentinel.app.simulated import Case

log = structlog.get_logger(__name__)

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
                silent, code = worker.is_silent, await worker.end()
                worker = _Worker(how)
                why = f"said nothing for {how.patience_s:g} s" if silent else f"ended with exit code {code}"
                result = not_run(case, how.engine, f"the process that ran it {why}")
            on_result(place, result)
    finally:
        await worker.end()


class _Worker:
    """A process that runs cases."""

    def __init__(self, how: Manner) -> None:
        self._how = how
        self._ours: Connection | None = None
        self._process: SpawnProcess | None = None
        self.is_silent = False
        """Whether it has not answered in time."""

    async def run(self, case: Case) -> Result | None:
        """The result of a case; None when the process ended, or did not answer in time."""
        ours = self._ours or self._start()  # not in the thread: whoever cancels us finds it started, and ends it
        return await asyncio.to_thread(self._run, case, ours)

    def _run(self, case: Case, ours: Connection) -> Result | None:
        try:
            ours.send(case)
            self.is_silent = not ours.poll(self._how.patience_s)
            answer = None if self.is_silent else ours.recv()
        except (EOFError, OSError):
            return None
        return answer if isinstance(answer, Result) else None

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._ours, its = context.Pipe()
        self._process = context.Process(target=_work, args=(its, self._how), name="eval")
        with _deaf_to_interrupts():
            self._process.start()
        its.close()
        return self._ours

    async def end(self) -> int | None:
        """Have it end, wherever it is; its exit code. One that does not end its world in time is killed."""
        if self._ours is None or self._process is None:
            return None
        self._process.terminate()
        self._ours.close()
        await asyncio.to_thread(self._process.join, self._how.ending_s)
        if self._process.exitcode is None:
            log.warning("eval.worker_killed", pid=self._process.pid, ending_s=self._how.ending_s)
            self._process.kill()
            await asyncio.to_thread(self._process.join, self._how.ending_s)
        return self._process.exitcode


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """What is started in the block has SIGINT blocked; for us it waits until the block ends."""
    resource_tracker.ensure_running()  # its start, which the first worker's would set off, unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(orders: Connection, how: Manner) -> None:
    """In the worker: run what comes until the other end is closed."""
    from gcm_sentinel.app.logs import configure

    configure("ERROR")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
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
