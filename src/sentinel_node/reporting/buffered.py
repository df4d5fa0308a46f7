"""The buffer as the sender sees it: waits for records, and keeps the disk off the event loop."""

from __future__ import annotations

import asyncio

from sentinel_node.domain import metrics
from sentinel_node.domain.metrics import Metrics
from sentinel_node.reporting.segments import Record
from sentinel_node.reporting.spool import Spool


class Buffered:
    """See the module."""

    def __init__(self, spool: Spool, written: asyncio.Event, metrics_: Metrics) -> None:
        """`written`: set by whoever puts records in."""
        self._spool, self._written, self._metrics = spool, written, metrics_

    async def oldest(self, most: int) -> list[Record]:
        """The oldest records that wait, at least one: where there is none, it is waited for."""
        while True:
            self._written.clear()
            if records := await asyncio.to_thread(self._spool.read, 0, most):
                return records
            await self._written.wait()

    async def done(self, number: int) -> None:
        """The gateway has everything up to this one, or will never take it."""
        await asyncio.to_thread(self._spool.acknowledge, number)
        self._metrics.set(metrics.BUFFER_DEPTH, self._spool.depth)
