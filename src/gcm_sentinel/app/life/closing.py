"""Closing: a sink that keeps a thread or an alert of an incident says there that the incident is over.

Level, not edge: every round asks storage which threads belong to closed incidents and do not say so yet. A crash
between saying it and writing it down says it once more.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from gcm_sentinel.domain.errors import Permanent
from gcm_sentinel.domain.threads import Closer, OverThread
from gcm_sentinel.storage.threads import Threads

log = structlog.get_logger(__name__)

EVERY_S = 15.0


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
        for sink in self._sinks:
            for over in await self._threads.over(sink.name):
                await self._say(sink, over)
                await self._threads.closed(sink.name, over.thread.incident_id)

    async def _say(self, sink: Closer, over: OverThread) -> None:
        try:
            await sink.close(over)
        except Permanent as error:
            log.warning("incident.end_not_told", sink=sink.name, incident=over.thread.incident_id, reason=str(error))
