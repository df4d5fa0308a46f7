"""What a database says when something is wrong, as errors of ours.

Drivers raise one class for "away" and for "your SQL is wrong" alike, so the tables go by code: the primary result codes
of SQLite and the SQLSTATEs of PostgreSQL. A code in no table is a statement that cannot work, which is our bug; a
failure without any code comes from the connection, and then the database counts as away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from sentinel_gateway.domain.errors import BadConfiguration, Bug, Busy, GatewayError, Unavailable


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one code means to whoever asked."""

    error: type[GatewayError]
    state: str
    """Completes "the database NAME ..."."""
    advice: str = ""
    """For the operator; empty where time alone helps."""


_AWAY = Verdict(Unavailable, "does not answer", "see whether it runs and whether the URL is right")
_LOCKED = Verdict(Unavailable, "is held by another transaction")
_FULL = Verdict(Unavailable, "has a full disk", "make room; nothing is stored until then")
_FROZEN = Verdict(Unavailable, "takes no writes", "make volume and file writable, or name the primary server")
_BROKEN_IO = Verdict(Unavailable, "cannot be read or written", "look at the volume and at the kernel log of its host")
_EXHAUSTED = Verdict(Busy, "is out of connections or memory", "raise its limits")
_LOST_RACE = Verdict(Busy, "gave this transaction up for another one")
_DAMAGED = Verdict(
    BadConfiguration, "is damaged, or not a database of ours", "restore a backup, or set it aside and begin a new one"
)
_REFUSED = Verdict(BadConfiguration, "refuses this user", "see to user, password and rights (it must own its schema)")
_MISSING = Verdict(BadConfiguration, "does not exist", "create it, or correct its name in the URL")
_TOO_OLD = Verdict(BadConfiguration, "lacks something we use", "use PostgreSQL 13 or newer")
_IMPOSSIBLE = Verdict(Bug, "was asked for something impossible")

SQLITE: dict[int, Verdict] = {
    sqlite3.SQLITE_PERM: _REFUSED,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_NOMEM: _EXHAUSTED,
    sqlite3.SQLITE_READONLY: _FROZEN,
    sqlite3.SQLITE_INTERRUPT: _LOST_RACE,
    sqlite3.SQLITE_IOERR: _BROKEN_IO,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CANTOPEN: Verdict(
        BadConfiguration, "cannot be opened", "its folder must exist and belong to this user"
    ),
    sqlite3.SQLITE_AUTH: _REFUSED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FORMAT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
"""By primary result code: https://www.sqlite.org/rescode.html."""

POSTGRESQL: dict[str, Verdict] = {
    "08": _AWAY,
    "0A": _TOO_OLD,
    "25006": _FROZEN,
    "25P03": Verdict(Unavailable, "ended a transaction that was idle for too long"),
    "28": _REFUSED,
    "3D": _MISSING,
    "40": _LOST_RACE,
    "42501": _REFUSED,
    "53": _EXHAUSTED,
    "53100": _FULL,
    "55006": _LOCKED,
    "55P03": _LOCKED,
    "57": _AWAY,
    "57014": Verdict(Unavailable, "took too long and was interrupted"),
    "57P04": _MISSING,
    "58": _BROKEN_IO,
    "72": _LOST_RACE,
    "F0": Verdict(BadConfiguration, "cannot read its own settings", "ask whoever runs it"),
    "XX": Verdict(Unavailable, "had a fault of its own", "read the server's log"),
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By SQLSTATE or its first two characters: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

_WHILE_CONNECTING: tuple[tuple[str, Verdict], ...] = (
    ("authentication failed", _REFUSED),
    ("no pg_hba.conf entry", _REFUSED),
    ("no password supplied", _REFUSED),
    ("permission denied", _REFUSED),
    ("role ", _REFUSED),
    ("too many", _EXHAUSTED),
    ("remaining connection slots", _EXHAUSTED),
)
"""A refused connection has no SQLSTATE; the server's words are all there is. Looked for in this order."""


@contextmanager
def mapped(name: str) -> Iterator[None]:
    """Turn every error of SQLAlchemy, SQLite and psycopg into one of ours; `name` is the database's.

    Raises:
        GatewayError: what the tables say.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        raise translated(error, name) from error


def translated(error: SQLAlchemyError | sqlite3.Error | psycopg.Error, name: str) -> GatewayError:
    """Our error in place of theirs."""
    origin: object = error.orig if isinstance(error, DBAPIError) else error
    verdict = _verdict(origin)
    if verdict is _IMPOSSIBLE and isinstance(error, DBAPIError) and error.connection_invalidated:
        verdict = _AWAY
    detail = str(origin).strip().partition("\n")[0] or type(origin).__name__
    words = f"the database {name} {verdict.state}: {detail}"
    return verdict.error(f"{words}; {verdict.advice}" if verdict.advice else words)


def _verdict(error: object) -> Verdict:
    if isinstance(error, NoFreeConnection):
        return _EXHAUSTED
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error, psycopg.Error):
        return _of_postgresql(error)
    return _IMPOSSIBLE


def _of_sqlite(error: sqlite3.Error) -> Verdict:
    code: int | None = getattr(error, "sqlite_errorcode", None)  # missing where Python raised it, not SQLite
    if code is None:
        return _AWAY if isinstance(error, sqlite3.OperationalError) else _IMPOSSIBLE
    return SQLITE.get(code & 0xFF, _IMPOSSIBLE)


def _of_postgresql(error: psycopg.Error) -> Verdict:
    if state := error.sqlstate:
        return POSTGRESQL.get(state) or POSTGRESQL.get(state[:2], _IMPOSSIBLE)
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return _IMPOSSIBLE
    words = str(error)
    if 'database "' in words and "does not exist" in words:
        return _MISSING
    return next((verdict for part, verdict in _WHILE_CONNECTING if part in words), _AWAY)
