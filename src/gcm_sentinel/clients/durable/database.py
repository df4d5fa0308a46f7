"""The database behind durable work: how it is connected to, and what its failures are called here.

SQLite runs with a write-ahead log and ``synchronous=NORMAL``: about half the time per step, nothing lost when the
process dies; a power cut may lose the last steps, which are then done again. PostgreSQL connections notice a dead
network within half a minute, so that work waiting for an answer goes on when the server is back.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from dbos import DBOS
from dbos import error as dbos
from sqlalchemy import exc

from gcm_sentinel.clients.durable.wording import plain
from gcm_sentinel.domain.errors import BadConfiguration, Bug, SentinelError, Unreachable

T = TypeVar("T")

DEADLINE = timedelta(seconds=20)
"""For one question to the database."""
EXPECTED = "it is sqlite:///path or postgresql://user@host/database"

POSTGRES = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "gcm-sentinel-durable",
}

OURS: Mapping[type[Exception], type[SentinelError]] = {
    exc.OperationalError: Unreachable,
    exc.InterfaceError: Unreachable,
    exc.InternalError: Unreachable,
    exc.TimeoutError: Unreachable,
    exc.DisconnectionError: Unreachable,
    exc.ProgrammingError: BadConfiguration,
    exc.ArgumentError: BadConfiguration,
    exc.NoSuchModuleError: BadConfiguration,
    exc.SQLAlchemyError: Bug,
    dbos.DBOSInitializationError: BadConfiguration,
    dbos.DBOSQueryTimeoutError: Unreachable,
    dbos.DBOSException: Bug,
}
"""What a vendor error becomes; the nearest ancestor listed decides."""

DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
"""SQLite's primary result codes for a file that no waiting mends."""

VENDOR_ERRORS = (exc.SQLAlchemyError, dbos.DBOSException)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Vendor errors raised inside come out as ours; `doing` says what failed."""
    try:
        yield
    except VENDOR_ERRORS as error:
        raise ours(error, doing) from error


async def answered(doing: str, answer: Awaitable[T]) -> T:
    """What the database answers, or an error of ours.

    Raises:
        Unreachable: it is away, or does not answer in time.
    """
    try:
        with translated(doing):
            async with asyncio.timeout(DEADLINE.total_seconds()):
                return await answer
    except TimeoutError as error:
        raise Unreachable(f"cannot {doing}: no answer within {DEADLINE.total_seconds():g} s") from error


def ours(error: Exception, doing: str) -> SentinelError:
    """The error of our tree for a vendor's."""
    kind = next(OURS[cls] for cls in type(error).__mro__ if cls in OURS)
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return kind(f"cannot {doing}: {plain(reason)}")


@contextmanager
def damage_named(url: sa.URL) -> Iterator[None]:
    """Where the file proves damaged inside, the error names it and says what to do.

    Raises:
        BadConfiguration: in place of whatever our error for that was.
    """
    try:
        yield
    except SentinelError as error:
        reason = getattr(error.__cause__, "orig", None)
        if not isinstance(reason, sqlite3.Error) or getattr(reason, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
            raise
        raise BadConfiguration(
            f"the durable queue's file {url.database!r} is damaged or is no database of ours: {reason}; move it away "
            "and start again: unfinished investigations are then handed in again, stored incidents are untouched"
        ) from error


def is_sqlite(url: str) -> bool:
    """Whether `url` names an SQLite file, so that this process is the only one."""
    return url.startswith("sqlite")


def connect(url: str) -> sa.Engine:
    """An engine for `url`; connects on first use.

    Raises:
        BadConfiguration: `url` is neither an SQLite file nor a PostgreSQL database.
    """
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError as error:
        raise BadConfiguration(f"the URL of the durable queue's database cannot be read; {EXPECTED}") from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _postgres(parsed)
    raise BadConfiguration(f"no durable queue on {parsed.get_backend_name()!r}; {EXPECTED}")


def dispose(database: sa.Engine) -> None:
    """Close the connections, those too that a thread is still using and gives back later."""
    sa.event.listen(database, "checkin", _close)
    database.dispose()


def _close(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
    record.invalidate()


async def migrate(database: sa.Engine) -> None:
    """Reach the database and bring DBOS's tables up to date.

    Raises:
        Unreachable: the database is away.
        BadConfiguration: it refuses us.
    """
    with translated("prepare the durable queue's database"):
        await asyncio.to_thread(_migrate, database)


def _migrate(database: sa.Engine) -> None:
    with database.connect():  # fails at once where DBOS's own engine would wait, and sets SQLite's journal
        pass
    DBOS.migrate(database.url.render_as_string(hide_password=False))


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or ":memory:" in url.database:
        raise BadConfiguration(f"an SQLite database in memory outlives nothing; {EXPECTED}")
    if not Path(url.database).parent.is_dir():
        raise BadConfiguration(f"the folder of {url.database!r} does not exist")
    engine = sa.create_engine(url.set(drivername="sqlite"))
    sa.event.listen(engine, "connect", _tune)
    return engine


def _tune(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection has no common type
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("busy_timeout=30000", "foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _postgres(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in POSTGRES.items() if name not in url.query},
        pool_size=5,
        max_overflow=10,
        pool_timeout=30,
    )
    sa.event.listen(engine, "connect", _bound_idle_transactions)
    return engine


def _bound_idle_transactions(connection: Any, _record: object) -> None:  # noqa: ANN401 - as above
    """A frozen process must not keep its locks; committed, because the pool rolls back what it is given back."""
    connection.execute("SET idle_in_transaction_session_timeout = '60s'")
    connection.commit()
