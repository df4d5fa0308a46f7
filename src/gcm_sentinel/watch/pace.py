"""How long a watcher waits before it asks again: growing, jittered pauses, so that a fleet of agents does not march."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait before asking the API server again."""

    first: timedelta = timedelta(milliseconds=200)
    longest: timedelta = timedelta(seconds=30)
    longest_asked: timedelta = timedelta(minutes=2)
    """The longest Retry-After that is obeyed; a proxy's hour would be an hour of blindness."""
    jitter: Callable[[], float] = random.random
    """Numbers from 0 to 1; a pause lasts between half and one and a half times its nominal length."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def pause(self, failures: int, at_least_s: float = 0.0) -> None:
        """Wait after the given number of failures in a row (0: a stream that ended properly)."""
        nominal_s = min(self.first.total_seconds() * 2 ** min(failures, 20), self.longest.total_seconds())
        asked_s = min(at_least_s, self.longest_asked.total_seconds())
        await self.sleep(max(nominal_s * (0.5 + self.jitter()), asked_s))
