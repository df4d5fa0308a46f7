"""Closing: a sink that keeps a thread or an alert of an incident says there that the incident is over.

Level, not edge: every round asks storage which threads belong to closed incidents and do not say so yet. A crash
between saying it and writing it down says it once more. A sink that is away, or one thread that it cannot take just
now, holds up no other: each is tried once per round, and the round counts as failed at its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from gcm_sentinel.domain.errors import Permanent, Retryable
from gcm_sentinel.domain.threads import Closer, OverThread
from gcm_sentinel.storage.threads import Threads

log = structlog.get_logger(__name__)

EVERY_S = 15.0
_AT_ONCE = 8
"""Threads of one sink: one that times out holds up few others."""


class Closing:
    """Says for one process that incidents are over."""

    def __init__(self, threads: Threads, sinks: Sequence[Closer]) -> None:
        self._threads = threads
        self._sinks = sinks

    async def close(self) -> None:
        """Say of every incident that is over that it is, once per sink.

        Raises:
            Retryable: a sink or the database is away.
        """
        async with asyncio.TaskGroup() as group:
            rounds = [group.create_task(self._round(sink)) for sink in self._sinks]
        failed = next((error for errors in rounds for error in errors.result()), None)
        if failed is not None:
            raise failed

    async def _round(self, sink: Closer) -> list[Retryable]:
        """Say it in all threads of one sink; what has to be tried again."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def in_turn(over: OverThread) -> Retryable | None:
            async with room:
                return await self._close(sink, over)

        try:
            over = await self._threads.over(sink.name)
        except Retryable as error:
            return [error]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(item)) for item in over]
        return [failed for task in tasks if (failed := task.result()) is not None]

    async def _close(self, sink: Closer, over: OverThread) -> Retryable | None:
        incident = over.thread.incident_id
        try:
            await self._say(sink, over)
            await self._threads.closed(sink.name, incident)
        except Retryable as error:
            log.info("incident.end_not_told_yet", sink=sink.name, incident=incident, reason=str(error))
            return error
        return None

    async def _say(self, sink: Closer, over: OverThread) -> None:
        try:
            await sink.close(over)
        except Permanent as error:
            log.warning("incident.end_not_told", sink=sink.name, incident=over.thread.incident_id, reason=str(error))
