"""`Steps` on DBOS: each step's outcome is written down before the job sees it.

Step numbers are drawn in the order in which `run` is first awaited, before anything else is awaited. Tasks of a
TaskGroup begin in the order they were created, so parallel steps keep their numbers as long as each task starts
exactly one step.

A job that may not go on (another process owns it now, or the outcome of a step could not be written down) is
cancelled, as at a shutdown: it is the one way of stopping that job code never mistakes for a failure it should
report.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from dbos import DBOS
from dbos import error as dbos

from gcm_sentinel.clients.durable.config import StepHook, StepReport
from gcm_sentinel.clients.durable.database import VENDOR_ERRORS
from gcm_sentinel.clients.durable.outcome import outcome_of, read
from gcm_sentinel.domain.errors import Bug, SentinelError
from gcm_sentinel.domain.steps import Codec

T = TypeVar("T")

BEGUN = "begun"
"""The step of our own at the head of every job; not reported to the hook."""


class Recorded:
    """The recorded steps of one job, running in `task`."""

    def __init__(self, kind: str, key: str, task: asyncio.Task[None], hook: StepHook | None) -> None:
        self._kind = kind
        self._key = key
        self._task = task
        self._hook = hook
        self.lost: BaseException | None = None
        """Why the job may not go on; None while it may."""

    async def run(self, name: str, work: Callable[[], Awaitable[T]], codec: Codec[T]) -> T:
        """The result of `work`, or the recorded one where it was done before.

        Raises:
            SentinelError: what `work` raised, now or when it was recorded; `Bug` where another step was recorded here.
        """
        done = False
        began = time.monotonic()

        async def step() -> str:
            nonlocal done
            done = True
            return await outcome_of(name, work, codec)

        try:
            text = await DBOS.run_step_async({"name": name}, step)
        except (dbos.DBOSUnexpectedStepError, dbos.DBOSStepNondeterminismError) as error:
            raise Bug(f"{self._kind} {self._key!r} is not what was recorded; bump its version: {error}") from error
        except (dbos.DBOSBaseException, *VENDOR_ERRORS) as error:  # the former are no Exceptions
            await self._give_way(error)
        failure: SentinelError | None = None
        try:
            return read(text, codec)
        except SentinelError as error:
            failure = error
            raise
        finally:
            self._report(name, replayed=not done, seconds=time.monotonic() - began, failure=failure)

    async def _give_way(self, error: BaseException) -> NoReturn:
        self.lost = self.lost or error
        self._task.cancel()
        await asyncio.get_running_loop().create_future()
        raise AssertionError  # a future nobody resolves ends by the cancellation only

    def _report(self, name: str, *, replayed: bool, seconds: float, failure: SentinelError | None) -> None:
        if self._hook is None or name == BEGUN:
            return
        error = None if failure is None else type(failure).__name__
        self._hook(StepReport(self._kind, self._key, name, replayed=replayed, seconds=seconds, error=error))
