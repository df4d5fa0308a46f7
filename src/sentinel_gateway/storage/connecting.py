"""From a database URL to connections that behave as the rest of the gateway expects.

SQLite: transactions are begun by us (`BEGIN IMMEDIATE` for those that write, so that two of them never read first and
then both fail), the journal is a write-ahead log, and a commit returns only when it is on the disk. A database opened
only for reading is opened so that nothing is ever written to it, and works on a medium that cannot be written. A new
file is its owner's alone, whatever the umask says; the files SQLite keeps beside it follow it in that.
PostgreSQL: everything of ours lies in one schema, and what hangs is ended by the server.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

import psycopg
import structlog
from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from sentinel_gateway.domain.errors import BadConfiguration

log = structlog.get_logger(__name__)

Dialect: TypeAlias = Literal["sqlite", "postgresql"]

SCHEMA = "sentinel_gateway"
"""Where our tables are in PostgreSQL."""

_BEGIN = "sentinel_gateway_begin"
"""Execution option: the statement that begins a transaction in SQLite."""

READ: dict[Dialect, dict[str, Any]] = {
    "sqlite": {_BEGIN: "BEGIN"},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""Engine options of a transaction that sees one moment."""

WRITE: dict[Dialect, dict[str, Any]] = {
    "sqlite": {_BEGIN: "BEGIN IMMEDIATE"},
    "postgresql": {"isolation_level": "READ COMMITTED"},
}
"""Engine options of a transaction that writes."""

_KNOWN = "write sqlite:////absolute/path or postgresql://user:password@host/name"
_PRIVATE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_POOL_SIZE = 12
_WAIT_S = 30
_PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
_READING_PRAGMAS = ("busy_timeout=30000", "query_only=ON")
_SESSION = (
    f"SET search_path TO {SCHEMA}; SET statement_timeout = '120s'; SET lock_timeout = '30s'; "
    "SET idle_in_transaction_session_timeout = '120s'"
)
CONNECT_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "fallback_application_name": "sentinel-gateway",
}


class RollingBack(sqlite3.Connection):
    """Gives its locks back when closed, even while somebody still holds one of its cursors."""

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
    """For messages and logs: the file's path, or server and database; never user and password."""

    @property
    def path(self) -> Path:
        """SQLite's file."""
        return Path(self.url.database or "")

    @property
    def secret_url(self) -> str:
        """PostgreSQL's URL for psycopg itself, with the password."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)


def place_of(url: str) -> Place:
    """What `url` names.

    Raises:
        BadConfiguration: not a URL, one of another kind of database, or SQLite without a file.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise BadConfiguration(f"the database URL cannot be read: {_KNOWN}") from error
    kind = parsed.drivername.partition("+")[0]
    if kind == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise BadConfiguration(f"a database in memory would lose the ledger at every stop: {_KNOWN}")
        path = str(Path(str(parsed.database)).absolute())
        return Place(parsed.set(drivername="sqlite+pysqlite", database=path), "sqlite", path)
    if kind in ("postgresql", "postgres") and "@" in (parsed.host or ""):
        raise BadConfiguration("the database URL has more than one @: write %40 for one in a password or a name")
    if kind in ("postgresql", "postgres"):
        name = f"postgresql://{parsed.host or 'local socket'}:{parsed.port or 5432}/{parsed.database or ''}"
        return Place(parsed.set(drivername="postgresql+psycopg"), "postgresql", name)
    raise BadConfiguration(f"the database URL begins with {parsed.drivername!r}: {_KNOWN}")


def make_private(path: Path) -> None:
    """Make SQLite's file where it is missing, for its owner only; one that others may read is left so, and logged.

    Raises:
        BadConfiguration: it cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    except FileExistsError:
        if path.stat().st_mode & _OTHERS:
            log.warning("storage.file_open_to_others", path=str(path), hint="unless it is meant so: chmod 600")
        return
    except OSError as error:
        raise BadConfiguration(
            f"the database {str(path)!r} cannot be opened ({error.strerror}): its folder must exist and be this user's"
        ) from error
    os.fchmod(descriptor, _PRIVATE)
    os.close(descriptor)


def engine_for(place: Place, *, read_only: bool) -> Engine:
    """An engine whose connections are prepared as the module says; it connects when it is first used."""
    pool: dict[str, Any] = {"pool_size": _POOL_SIZE, "max_overflow": 0, "pool_timeout": _WAIT_S}
    if place.dialect == "postgresql":
        engine = create_engine(
            place.url, pool_pre_ping=True, pool_recycle=1800, connect_args=CONNECT_POSTGRESQL, **pool
        )
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    creator = _opener(place.path, read_only=read_only)
    engine = create_engine("sqlite+pysqlite://", creator=creator, poolclass=QueuePool, **pool)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _opener(path: Path, *, read_only: bool) -> Callable[[], sqlite3.Connection]:
    """How one file is opened; the answer of `creator` must take no arguments."""

    def connect() -> sqlite3.Connection:
        name, is_uri = (_reading_uri(path), True) if read_only else (str(path), False)
        connection = sqlite3.connect(
            name, uri=is_uri, check_same_thread=False, factory=RollingBack, isolation_level=None, cached_statements=256
        )
        try:
            # A damaged text must not fail the list it is in; verification reads the bytes themselves.
            connection.text_factory = methodcaller("decode", "utf-8", "replace")
            for pragma in _READING_PRAGMAS if read_only else _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    return connect


def _reading_uri(path: Path) -> str:
    """A WAL database needs an index file beside it; where none can be made and nothing can change, none is used."""
    alone = not path.with_name(path.name + "-wal").exists() and not os.access(path.parent, os.W_OK)
    return f"file:{quote(str(path.absolute()))}?{'immutable=1' if alone else 'mode=ro'}"


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _prepare_postgresql(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    try:
        cursor = connection.cursor()
        cursor.execute(_SESSION)
        cursor.close()
        connection.commit()
    except psycopg.Error:
        connection.close()  # SQLAlchemy would forget it, still open
        raise


def close_all(engine: Engine) -> None:
    """Close every connection: those at rest now, those that a thread still uses when it gives them back."""
    event.listen(engine, "checkin", _close_returned)
    engine.dispose()


def _close_returned(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.invalidate()
