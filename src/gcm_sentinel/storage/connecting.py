"""From a database URL to connections that behave as the rest of storage expects.

Three things the drivers do not do by themselves are done here: SQLite's transactions are begun by us, those that write
at once with the write lock (begun lazily, two of them could read first and then both fail to write); PostgreSQL ends
what hangs (a frozen replica must not keep the writers' lock); and the tables are looked up in our own schema there.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.storage.migrate import Dialect
from gcm_sentinel.storage.schema import SCHEMA

_BEGIN = "gcm_sentinel_begin"
"""Execution option: the statement by which SQLite's transactions are begun."""

READ: dict[Dialect, dict[str, Any]] = {
    "sqlite": {_BEGIN: "BEGIN"},
    "postgresql": {
        "isolation_level": "REPEATABLE READ",
        "postgresql_readonly": True,
        "schema_translate_map": {None: SCHEMA},
    },
}
"""Engine options of a transaction that sees one moment."""

WRITE: dict[Dialect, dict[str, Any]] = {
    "sqlite": {_BEGIN: "BEGIN IMMEDIATE"},
    "postgresql": {"isolation_level": "READ COMMITTED", "schema_translate_map": {None: SCHEMA}},
}
"""Engine options of a transaction that writes; each statement sees what was committed before it."""

_PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
_LIMITS = "SET statement_timeout = '60s'; SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'"
_POSTGRESQL_CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "fallback_application_name": "gcm-sentinel",
}
_POOL: dict[str, Any] = {"max_overflow": 0, "pool_timeout": 30}


class RollingBack(sqlite3.Connection):
    """A connection that gives its locks back when it is closed.

    SQLAlchemy closes a connection whose statement was cancelled, and SQLite keeps a closed connection, its transaction
    and the write lock for as long as somebody holds one of its cursors, as the traceback of the cancellation does.
    """

    def close(self) -> None:
        """Roll back what is open, then close."""
        if self.in_transaction:
            self.rollback()
        super().close()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is."""

    url: URL
    dialect: Dialect
    name: str
    """For messages: the file's path, or server and database; without user and password."""

    @property
    def in_memory(self) -> bool:
        """Whether it lives in this process only."""
        return self.dialect == "sqlite" and self.url.database in (None, "", ":memory:")


def place_of(url: str) -> Place:
    """What `url` names.

    Raises:
        BadConfiguration: not a URL, or one of another kind of database.
    """
    known = "use sqlite:////absolute/path, sqlite:// or postgresql://user:password@host/name"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise BadConfiguration(f"the database URL cannot be read: {known}") from error
    kind = parsed.drivername.partition("+")[0]
    if kind == "sqlite":
        return Place(parsed.set(drivername="sqlite+aiosqlite"), "sqlite", parsed.database or "in memory")
    if kind in ("postgresql", "postgres"):
        name = f"postgresql://{parsed.host or 'local socket'}:{parsed.port or 5432}/{parsed.database or ''}"
        return Place(parsed.set(drivername="postgresql+psycopg"), "postgresql", name)
    raise BadConfiguration(f"the database URL begins with {parsed.drivername!r}: {known}")


def engine_for(place: Place, max_pool: int) -> AsyncEngine:
    """An engine whose connections are prepared as the module says; it connects when it is first used."""
    if place.dialect == "postgresql":
        engine = create_async_engine(
            place.url,
            pool_size=max_pool,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args=_POSTGRESQL_CONNECT,
            **_POOL,
        )
        event.listen(engine.sync_engine, "connect", _prepare_postgresql)
        return engine
    pool: dict[str, Any] = {} if place.in_memory else {"pool_size": max_pool, **_POOL}
    engine = create_async_engine(place.url, connect_args={"factory": RollingBack}, **pool)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401 - SQLAlchemy's adapter of aiosqlite
    try:
        connection.isolation_level = None  # no transactions begun behind our back
        # A damaged text must not fail the whole list it is in: it is shown, or found damaged, row by row.
        connection.driver_connection.text_factory = methodcaller("decode", "utf-8", "replace")
        _run(connection, *(f"PRAGMA {pragma}" for pragma in _PRAGMAS))
    except sqlite3.Error:
        connection.close()
        raise


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _prepare_postgresql(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    _run(connection, _LIMITS)
    connection.commit()


def _run(connection: DBAPIConnection, *statements: str) -> None:
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()
