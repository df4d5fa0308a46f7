"""The one door to the database: SQLite in a file or in memory, or PostgreSQL, by its URL.

Repositories get a `Database` and ask it for a transaction:

- `reading`: one consistent moment of everything, however many statements; waits for nobody (in memory: for the others).
- `writing`: all or nothing. Transactions of several replicas may interleave in PostgreSQL, never in SQLite.
- `serialised`: `writing`, one at a time over all processes that share the database. Whoever decides from what it reads
  (triage, storing triggers, migrations) uses this, so that nothing it read changes before it has written.

A connection lost in the middle leaves nothing half done and is thrown away; the next transaction opens a new one, so a
database that was away is used again when it is back. A transaction is not repeated by itself: only the caller knows
whether its decision still stands. Asking for a transaction inside another one of the same task is a `Bug`.

Whoever wants to know how the database does (the metrics) says so by `report_to`, and hears of every transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Protocol

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gcm_sentinel.domain.errors import BadConfiguration, SentinelError, Unreachable
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.storage.codecs import micros
from gcm_sentinel.storage.connecting import READ, WRITE, Place, engine_for, place_of
from gcm_sentinel.storage.errors import mapped
from gcm_sentinel.storage.migrate import Dialect, Step, advance, released, version_as_it_is, version_of
from gcm_sentinel.storage.schema import schema_version
from gcm_sentinel.storage.turns import Turns

_WRITERS_LOCK = 0x67636D73
"""Key of the PostgreSQL advisory lock behind `serialised`: ``gcms``."""
_PING_TIMEOUT_S = 10


class Listener(Protocol):
    """Hears how transactions go."""

    def took(self, operation: str, duration: timedelta) -> None:
        """One was answered so long after it was asked for, the wait for its turn included."""
        ...

    def failed(self, error: str) -> None:
        """The database did not answer one, or refused it; `error` is the name of a class of `domain/errors.py`."""
        ...


class Deaf:
    """A `Listener` that keeps nothing."""

    def took(self, operation: str, duration: timedelta) -> None:
        """Keep nothing."""

    def failed(self, error: str) -> None:
        """Keep nothing."""


class Database:
    """An open database at the newest version; made by `open`."""

    def __init__(self, engine: AsyncEngine, place: Place, clock: Clock) -> None:
        self.clock = clock
        self._place = place
        self._listener: Listener = Deaf()
        self._reader = engine.execution_options(**READ[place.dialect])
        self._writer = engine.execution_options(**WRITE[place.dialect])
        on_sqlite = place.dialect == "sqlite"
        self._turns = Turns(one_writer=on_sqlite, one_of_all=on_sqlite and place.in_memory)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, clock: Clock, max_pool: int = 10, steps: Sequence[Step] | None = None
    ) -> AsyncIterator[Database]:
        """The database at `url`, brought to the newest version; closed on leaving.

        ``sqlite:///relative``, ``sqlite:////absolute``, ``sqlite://`` (in memory) or ``postgresql://…``. `max_pool` is
        the most connections held at once, `steps` the migrations (the released ones where not given). Safe to call in
        several processes at once.

        Raises:
            BadConfiguration: a URL of no kind we know, a file that is no database, a database of a newer version.
            Forbidden: wrong user or password, or the user may not make our schema.
            Unreachable: the database is away.
        """
        place = place_of(url)
        engine = engine_for(place, max_pool)
        try:
            database = cls(engine, place, clock)
            await database._upgrade(steps or released())
            yield database
        finally:
            await engine.dispose()

    @classmethod
    @asynccontextmanager
    async def open_as_it_is(cls, url: str, *, clock: Clock, max_pool: int = 2) -> AsyncIterator[Database]:
        """The database at `url` for whoever only reads beside a `serve` that may be older: nothing is made or migrated.

        Raises:
            BadConfiguration: as `open`, and a database of another version than this program's.
            Forbidden: wrong user or password.
            Unreachable: the database is away.
        """
        place, newest = place_of(url), released()[-1].version
        engine = engine_for(place, max_pool)
        try:
            database = cls(engine, place, clock)
            async with database.reading() as connection:
                version = await version_as_it_is(connection, place.dialect)
            if version != newest:
                raise BadConfiguration(
                    f"the store {place.name} has schema version {version}, this program reads version {newest}"
                )
            yield database
        finally:
            await engine.dispose()

    @property
    def dialect(self) -> Dialect:
        """Which of the two it is."""
        return self._place.dialect

    @property
    def name(self) -> str:
        """Where it is, for messages; without the password."""
        return self._place.name

    def report_to(self, listener: Listener) -> None:
        """Tell `listener` of every transaction from now on."""
        self._listener = listener

    @asynccontextmanager
    async def reading(self, operation: str = "read") -> AsyncIterator[AsyncConnection]:
        """One consistent moment; writing here is refused by PostgreSQL and a mistake in SQLite.

        `operation` is its name for the listener.

        Raises:
            SentinelError: as `storage.errors` maps it; `Unreachable` when the database is away.
        """
        with self._heard(operation):
            async with self._turns.to_read(), self._reader.begin() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self, operation: str = "write") -> AsyncIterator[AsyncConnection]:
        """Commits on leaving; nothing is stored when the body raises or is cancelled.

        Raises:
            SentinelError: as `storage.errors` maps it; `Overloaded` when another transaction won, `Unreachable` when
                the database is away (whether a commit arrived is then not known: repeat what is idempotent).
        """
        with self._heard(operation):
            async with self._turns.to_write(), self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def serialised(self, operation: str = "serialised") -> AsyncIterator[AsyncConnection]:
        """Like `writing`, one at a time over all processes; each sees everything the one before it committed."""
        async with self.writing(operation) as connection:
            if self.dialect == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITERS_LOCK})
            yield connection

    @contextmanager
    def _heard(self, operation: str) -> Iterator[None]:
        """A transaction of which the listener hears; an error of the body's own is none of the database's."""
        started_s = self.clock.monotonic()
        with mapped(self.name, self._failed):
            yield
        self._listener.took(operation, timedelta(seconds=self.clock.monotonic() - started_s))

    def _failed(self, error: SentinelError) -> None:
        self._listener.failed(type(error).__name__)

    async def ping(self) -> None:
        """Whether the database answers and holds our tables.

        Raises:
            Unreachable: no answer within 10 s.
            SentinelError: any other thing that is wrong with it.
        """
        try:
            async with asyncio.timeout(_PING_TIMEOUT_S), self.reading() as connection:
                await connection.execute(select(schema_version.c.version))
        except TimeoutError as error:
            raise Unreachable(f"database {self.name} did not answer within {_PING_TIMEOUT_S} s") from error

    async def _upgrade(self, steps: Sequence[Step]) -> None:
        more, from_nothing = True, None
        while more:
            async with self.serialised() as connection:
                if from_nothing is None:
                    from_nothing = await version_of(connection, self.dialect) == 0
                now_us = micros(self.clock.now())
                more = await advance(connection, self.dialect, steps, now_us, from_nothing=from_nothing)
