"""Waking everybody who waits for something to happen."""

from __future__ import annotations

import asyncio


class Bell:
    """Rung after every round; whoever waits looks for itself what is new."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.is_over = False
        """Nothing will happen any more."""

    def ring(self) -> None:
        """Wake everybody."""
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    def end(self) -> None:
        """Wake everybody for the last time."""
        self.is_over = True
        self.ring()

    async def wait(self) -> None:
        """Until it is rung; at once where nothing will happen any more."""
        if not self.is_over:
            await self._rung.wait()
