"""Who may be in a transaction at one moment within this process.

SQLite has one writer. Its own way of waiting (try, sleep, try again) is unfair and blocks a thread, so writers queue
here, in order. A database in memory has one connection for all, so there readers queue with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from gcm_sentinel.domain.errors import Bug


class Turns:
    """The turns of one database."""

    def __init__(self, *, one_writer: bool, one_of_all: bool) -> None:
        queue = asyncio.Lock() if one_writer or one_of_all else None
        self._to_write: AbstractAsyncContextManager[None] = queue or nullcontext()
        self._to_read: AbstractAsyncContextManager[None] = queue if queue and one_of_all else nullcontext()
        self._inside: set[asyncio.Task[Any] | None] = set()

    @asynccontextmanager
    async def to_read(self) -> AsyncIterator[None]:
        """A turn for a reading transaction."""
        async with self._entered(self._to_read):
            yield

    @asynccontextmanager
    async def to_write(self) -> AsyncIterator[None]:
        """A turn for a writing transaction."""
        async with self._entered(self._to_write):
            yield

    @asynccontextmanager
    async def _entered(self, queue: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
        task = asyncio.current_task()
        if task in self._inside:
            raise Bug("storage was asked for a transaction inside another one: use its connection, or end it first")
        self._inside.add(task)
        try:
            async with queue:
                yield
        finally:
            self._inside.discard(task)
