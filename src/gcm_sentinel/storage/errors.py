"""What a database says when something is wrong, in the words of our error tree.

The tables are by error code, not by class: a driver raises one class for "away" and "your SQL is wrong" alike. What is
not in a table is a bug of ours (a statement that cannot work), with one exception: a failure without any code comes
from the connection, and the database counts as away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from gcm_sentinel.domain.errors import (
    BadConfiguration,
    Bug,
    Forbidden,
    Overloaded,
    Retryable,
    SentinelError,
    Unreachable,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error code means for the caller."""

    error: type[SentinelError]
    what: str
    """What is wrong."""
    to_do: str = ""
    """What the operator does about it; empty where waiting is all."""


_AWAY = Meaning(Unreachable, "cannot be reached", "check that it runs and that the address is right")
_LOCKED = Meaning(Unreachable, "is locked by another process or transaction")
_FULL = Meaning(Retryable, "has no space left on its disk", "free or enlarge the volume; nothing was stored meanwhile")
_READ_ONLY = Meaning(
    Retryable, "can only be read", "check that the volume and the file are writable, or that this is the primary server"
)
_IO = Meaning(Retryable, "cannot be read or written (I/O error)", "check the volume and the kernel log of its host")
_BUSY = Meaning(Overloaded, "has no resources left", "raise its limits or lower the number of replicas")
_CONFLICT = Meaning(Overloaded, "gave up this transaction in favour of another one")
_DAMAGED = Meaning(
    BadConfiguration,
    "is damaged or is no database of ours",
    "move it away and start again with an empty one, or restore a backup",
)
_NO_RIGHT = Meaning(Forbidden, "refuses this user", "check user, password and grants (it must own its schema)")
_NO_DATABASE = Meaning(BadConfiguration, "does not exist", "create it, or mend the name in GCM_SENTINEL_DATABASE_URL")
_BUG = Meaning(Bug, "was asked something impossible")

SQLITE: dict[int, Meaning] = {
    sqlite3.SQLITE_PERM: _NO_RIGHT,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_NOMEM: _BUSY,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_INTERRUPT: _CONFLICT,
    sqlite3.SQLITE_IOERR: _IO,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CANTOPEN: Meaning(
        Unreachable, "cannot be opened", "check that its folder exists, is mounted and may be written by this user"
    ),
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_AUTH: _NO_RIGHT,
    sqlite3.SQLITE_FORMAT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
"""By primary result code, https://www.sqlite.org/rescode.html."""

POSTGRESQL: dict[str, Meaning] = {
    "08": _AWAY,
    "0A": Meaning(BadConfiguration, "is too old for a feature we use", "use PostgreSQL 13 or newer"),
    "25006": _READ_ONLY,
    "25P03": Meaning(Unreachable, "ended a transaction that did nothing for too long"),
    "28": _NO_RIGHT,
    "3D": _NO_DATABASE,
    "40": _CONFLICT,
    "42501": _NO_RIGHT,
    "53": _BUSY,
    "53100": _FULL,
    "55006": _LOCKED,
    "55P03": _LOCKED,
    "57": _AWAY,
    "57014": Meaning(Unreachable, "took too long and was cancelled"),
    "57P04": _NO_DATABASE,
    "58": _IO,
    "72": _CONFLICT,
    "F0": Meaning(BadConfiguration, "has a configuration file it cannot read", "ask its administrator"),
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
    "XX": Meaning(Retryable, "had an internal error", "see the server's log"),
}
"""By SQLSTATE, or its class; https://www.postgresql.org/docs/current/errcodes-appendix.html."""

_ON_CONNECTING: tuple[tuple[str, Meaning], ...] = (
    ("authentication failed", _NO_RIGHT),
    ("no pg_hba.conf entry", _NO_RIGHT),
    ("no password supplied", _NO_RIGHT),
    ("permission denied", _NO_RIGHT),
    ("too many clients", _BUSY),
    ("too many connections", _BUSY),
    ("remaining connection slots", _BUSY),
)
"""A refused connection carries no SQLSTATE; these are the server's own words for it."""


@contextmanager
def mapped(where: str, on_error: Callable[[SentinelError], None] = lambda _error: None) -> Iterator[None]:
    """Raise what the database says as one of our errors; `where` names the database, without its password.

    `on_error` hears of it before it is raised; errors that are ours already pass by it.

    Raises:
        SentinelError: in place of every error of SQLAlchemy, SQLite and psycopg.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        ours = translated(error, where)
        on_error(ours)
        raise ours from error


def translated(error: SQLAlchemyError | sqlite3.Error | psycopg.Error, where: str) -> SentinelError:
    """Our error for one of theirs."""
    cause: object = error.orig if isinstance(error, DBAPIError) else error
    meaning = _meaning(cause)
    if meaning is _BUG and isinstance(error, DBAPIError) and error.connection_invalidated:
        meaning = _AWAY
    first_line = str(cause).strip().partition("\n")[0]
    words = f"database {where} {meaning.what}: {first_line or type(cause).__name__}"
    return meaning.error(f"{words}; {meaning.to_do}" if meaning.to_do else words)


def _meaning(error: object) -> Meaning:
    if isinstance(error, NoFreeConnection):
        return Meaning(Overloaded, "had no free connection in time")
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error, psycopg.Error):
        return _of_postgresql(error)
    return _BUG


def _of_sqlite(error: sqlite3.Error) -> Meaning:
    code: int | None = getattr(error, "sqlite_errorcode", None)  # absent where Python itself raised it
    if code is not None:
        return SQLITE.get(code & 0xFF, _BUG)
    return _AWAY if isinstance(error, sqlite3.OperationalError) else _BUG


def _of_postgresql(error: psycopg.Error) -> Meaning:
    if state := error.sqlstate:
        return POSTGRESQL.get(state) or POSTGRESQL.get(state[:2], _BUG)
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return _BUG
    words = str(error)
    if 'database "' in words and "does not exist" in words:
        return _NO_DATABASE
    if 'role "' in words and "does not exist" in words:
        return _NO_RIGHT
    return next((meaning for part, meaning in _ON_CONNECTING if part in words), _AWAY)
