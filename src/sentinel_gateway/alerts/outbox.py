"""The alerts that are owed, for code that does not block: each call is one transaction in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection

from sentinel_gateway.domain.alerts import DeliveryState, Group
from sentinel_gateway.storage import alert_rows
from sentinel_gateway.storage.alert_rows import Owed
from sentinel_gateway.storage.database import Database

Result = TypeVar("Result")


class Outbox:
    """See the module. Every method raises `GatewayError` where the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "alert-outbox")

    def load_groups(self) -> tuple[Group, ...]:
        """What is remembered of groups; blocking, for the start."""
        with self._database.reading() as connection:
            return alert_rows.load_groups(connection)

    async def owed(self, channel: str, limit: int) -> list[Owed]:
        """What a channel owes, oldest first."""
        return await self._reading(lambda connection: alert_rows.owed(connection, channel, limit))

    async def overdue(self, before_ns: int, limit: int) -> list[Owed]:
        """What is owed since before a time, by channels of all names."""
        return await self._reading(lambda connection: alert_rows.overdue(connection, before_ns, limit))

    async def pending(self) -> dict[str, int]:
        """How much each channel owes."""
        return await self._reading(alert_rows.pending)

    async def finish(self, one: Owed, state: DeliveryState, words: str, now_ns: int) -> None:
        """It was sent, or is given up."""
        await self._writing(lambda connection: alert_rows.finish(connection, one, state, words, now_ns))

    async def put_off(self, one: Owed, next_try_ns: int, words: str) -> None:
        """A try failed."""
        await self._writing(lambda connection: alert_rows.put_off(connection, one, next_try_ns, words))

    async def forget(self, before_ns: int, most: int) -> int:
        """Delete old alerts that nobody owes; says how many."""
        return await self._writing(lambda connection: alert_rows.forget(connection, before_ns, most))

    def close(self) -> None:
        """End the thread, after what it is at."""
        self._thread.shutdown()

    async def _reading(self, function: Callable[[Connection], Result]) -> Result:
        def run() -> Result:
            with self._database.reading() as connection:
                return function(connection)

        return await self._in_thread(run)

    async def _writing(self, function: Callable[[Connection], Result]) -> Result:
        def run() -> Result:
            with self._database.writing() as connection:
                return function(connection)

        return await self._in_thread(run)

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)
