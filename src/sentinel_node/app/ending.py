"""How the process ends: in order where it can, in time in any case.

Probes that run are stopped before their next launch, which takes moments; what they found by then is put into the
buffer before that is closed. All that waits at the end shares one grace. A launch or a driver call that hangs, a disk
that does not answer, or a killed process that stays would keep Python from ever ending, so the process leaves them
behind: Python itself waits for all threads and children without a limit.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from sentinel_node.app.leaving import leave
from sentinel_node.reporting.reporter import Reporter
from sentinel_node.service.desk import Desk
from sentinel_node.service.node_service import Machine

log = structlog.get_logger(__name__)

LEAST_S = 5.0
"""For what was killed to be gone, though the grace is over."""
_LOOK_S = 0.05


class Grace:
    """What is left of the time to end in; it begins to run when the node is told to stop."""

    def __init__(self, seconds: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._monotonic_s = seconds, monotonic_s
        self._ends_s: float | None = None

    def begin(self) -> None:
        """From now on; nothing where it has begun."""
        if self._ends_s is None:
            self._ends_s = self._monotonic_s() + self._seconds

    @property
    def left_s(self) -> float:
        """All of it before it begins, never below 0."""
        return self._seconds if self._ends_s is None else max(0.0, self._ends_s - self._monotonic_s())


@dataclass(frozen=True, slots=True)
class Work:
    """Everything of a node that may still be under way when it is to end."""

    machine: Machine
    desk: Desk

    @property
    def is_probing(self) -> bool:
        """Whether probes run, whoever wanted them: one holds its GPU's lease for as long as its thread works."""
        return not self.desk.is_idle or bool(self.machine.leases.holders())

    @property
    def is_under_way(self) -> bool:
        """Whether threads or processes are at work that would keep Python from ending."""
        hung = any(part.is_hung for part in self.machine.parts)
        return hung or self.is_probing or bool(multiprocessing.active_children())


@asynccontextmanager
async def found_is_kept(work: Work, reporter: Reporter | None, grace: Grace) -> AsyncIterator[None]:
    """At the end of the block: stop probes, wait for them within the grace, and put what they found into the buffer."""
    try:
        yield
    finally:
        grace.begin()
        work.desk.stop()
        try:
            async with asyncio.timeout(grace.left_s):
                await _while(lambda: work.is_probing)
                await work.desk.settled()
        except TimeoutError:
            log.warning("node.probes_not_ended", holders=work.machine.leases.holders())
        if reporter is not None:
            await reporter.flush()


async def left_behind(work: Work, within_s: float) -> None:
    """Wait for threads and processes to end; leave the process where some do not."""
    try:
        async with asyncio.timeout(within_s):
            await _while(lambda: work.is_under_way)
    except TimeoutError:
        log.warning("node.work_left_behind", hint="a GPU or the driver does not answer; the process ends all the same")
        leave(0)


async def _while(holds: Callable[[], bool]) -> None:
    while holds():  # noqa: ASYNC110  threads that hang tell nobody when they end
        await asyncio.sleep(_LOOK_S)
