"""What a probe's thread tells, handed to the task that answers its caller.

Findings are all kept; of progress only the newest, because a slow caller wants to know where the run is, not where it
was. The thread never waits for the caller.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from threading import Event

from sentinel_node.domain.probes import Finding, ProbeReport
from sentinel_node.domain.seams import Progress


class Following:
    """A `ProbeWatch` whose news are read in the loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = Event()
        self._news = asyncio.Event()
        self._findings: deque[Finding] = deque()
        self._progress: Progress | None = None
        self.told: set[Finding] = set()
        """Findings that were handed on."""

    @property
    def is_stopped(self) -> bool:
        """Whether the run is no longer wanted."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Want it no longer; whoever still listens hears how it ends."""
        self._stopped.set()

    def progressed(self, progress: Progress) -> None:
        """From the thread: how far it has come."""
        self._progress = progress
        self._wake()

    def found(self, finding: Finding) -> None:
        """From the thread: what stands now."""
        self._findings.append(finding)
        self._wake()

    def ended(self, _run: Future[ProbeReport]) -> None:
        """From the thread: there is nothing more to come."""
        self._wake()

    async def wait(self) -> None:
        """Until there is something new, or the run has ended."""
        await self._news.wait()
        self._news.clear()

    def news(self) -> list[Finding | Progress]:
        """What was told since the last time, findings first."""
        fresh: list[Finding | Progress] = []
        while self._findings:
            finding = self._findings.popleft()
            self.told.add(finding)
            fresh.append(finding)
        progress, self._progress = self._progress, None
        return fresh if progress is None else [*fresh, progress]

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop may be gone already
            self._loop.call_soon_threadsafe(self._news.set)
