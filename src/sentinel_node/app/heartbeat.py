"""Whether the event loop still turns: it says so once a second, and whoever looks from a thread compares the time.

Everything the agent does waits in one loop. Where that stands still the process looks alive from outside and does
nothing; only starting it anew mends that, and the kubelet does so where `/livez` fails.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BEAT_S = 1.0
DEAD_AFTER_S = 60.0
"""Much longer than any step of the loop takes on a busy machine."""


class Heartbeat:
    """Beats in the loop, is looked at from any thread."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """This is the first beat."""
        self._monotonic_s = monotonic_s
        self._beat_s = monotonic_s()
        self._next: asyncio.TimerHandle | None = None

    def lives(self) -> bool:
        """Whether the last beat is recent."""
        return self._monotonic_s() - self._beat_s < DEAD_AFTER_S

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat in the running loop until the block ends."""
        self._beat(asyncio.get_running_loop())
        try:
            yield
        finally:
            if self._next is not None:
                self._next.cancel()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beat_s = self._monotonic_s()
        self._next = loop.call_later(BEAT_S, self._beat, loop)
