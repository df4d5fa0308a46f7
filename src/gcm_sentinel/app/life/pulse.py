"""Wakes the stages of an incident's life: each sleeps until there is something for it, or until its own poll is due.

A pulse is a hint that saves waiting, never a message: whatever a stage must do stands in storage, where it finds it
at its next poll even if the process that stored it is gone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


class Bell:
    """Can be rung from anywhere in the event loop; rings that nobody waits for are kept as one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake who waits, or who waits next."""
        self._event.set()

    async def wait(self, at_most_s: float) -> None:
        """Until it rings, `at_most_s` at the longest."""
        try:
            async with asyncio.timeout(max(0.0, at_most_s)):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()


@dataclass(frozen=True, slots=True)
class Pulse:
    """The bells of one agent."""

    triage: Bell = field(default_factory=Bell)
    """Triggers were stored."""
    dispatch: Bell = field(default_factory=Bell)
    """Investigations are wanted or deliveries owed."""
    acting: Bell = field(default_factory=Bell)
    """Orders were proposed or decided about."""
