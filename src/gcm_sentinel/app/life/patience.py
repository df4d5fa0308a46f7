"""Patience of a recorded step with our own database: what fails for now is tried again inside the step.

A step that raised is recorded as failed for good, and an outage of minutes must not cost an investigation that is
paid for. So steps that read or write our storage wait for it; the job keeps its slot, and a process that dies
meanwhile has lost nothing but the waiting.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from gcm_sentinel.domain.errors import Retryable

T = TypeVar("T")

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0


async def patiently(what: str, work: Callable[[], Awaitable[T]], *, at_most: timedelta | None = None) -> T:
    """The result of `work`, however long storage is away, or `at_most` so long; `what` names it in the log.

    Raises:
        SentinelError: anything that waiting does not mend, or has not mended after `at_most`.
    """
    clock = asyncio.get_running_loop().time
    until_s = math.inf if at_most is None else clock() + at_most.total_seconds()
    failures = 0
    while True:
        try:
            return await work()
        except Retryable as error:
            if clock() >= until_s:
                raise
            if not failures:
                log.warning("job.waiting_for_storage", step=what, reason=str(error))
            pause_s = min(_FIRST_PAUSE_S * 2 ** min(failures, 10), _LONGEST_PAUSE_S)
            await asyncio.sleep(min(pause_s, until_s - clock()))
            failures += 1
