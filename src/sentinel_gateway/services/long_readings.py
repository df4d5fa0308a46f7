"""Readings of the whole ledger: verifications and reports, one at a time in a thread of their own.

A thread cannot be cancelled, but a reading tells now and then how far it is, and ends there once nobody waits for it
any more. Were it left running, callers who give up and ask again would fill the process with readings. It also rests
between its steps: Python runs one thread at a time, and the one that answers calls is to have its turn.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sentinel_gateway.domain.errors import Busy, Unavailable
from sentinel_gateway.ledger.verify import Progress

_MOST_WAITING = 16
_REST = 0.25
"""How long a reading rests after each step, as a share of what the step took."""
_GENTLE_REST = 2.0
_LONGEST_REST_S = 1.0

Result = TypeVar("Result")


class LongReadings:
    """See the module."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "ledger-reader")
        self._asked = 0
        self._stopping = threading.Event()

    async def read(self, reading: Callable[[Progress], Result], *, gently: bool = False) -> Result:
        """Run `reading`, which must call the progress it is given now and then; `gently` where nobody waits for it.

        Raises:
            Busy: too many wait already.
            Unavailable: the gateway is stopping.
        """
        if self._asked >= _MOST_WAITING:
            raise Busy(f"{self._asked} readings of the whole ledger wait already: try again later")
        steps = _Steps(self._stopping, rest=_GENTLE_REST if gently else _REST)
        steps.check()
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, reading, steps)
        finally:
            steps.given_up.set()
            self._asked -= 1

    async def stop(self) -> None:
        """End what is being read, and take nothing new."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)


class _Steps:
    """The progress of one reading."""

    def __init__(self, stopping: threading.Event, *, rest: float) -> None:
        self.given_up = threading.Event()
        self._stopping = stopping
        self._rest = rest
        self._began: float | None = None

    def __call__(self, done: int, of: int) -> None:
        if self._began is not None:
            worked_s = time.monotonic() - self._began
            self.given_up.wait(min(worked_s * self._rest, _LONGEST_REST_S))
        self.check()
        self._began = time.monotonic()

    def check(self) -> None:
        if self.given_up.is_set() or self._stopping.is_set():
            raise Unavailable("the gateway is stopping; ask again")
