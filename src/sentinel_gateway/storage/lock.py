"""One writer per database: locks that end with their holder, however it ends.

SQLite: a lock of the kernel's on a file beside the database. PostgreSQL: an advisory lock of a session that does
nothing else, so it is the server that notices when the holder is gone. A network that fails for a while can end that
session while its process lives on; the ledger therefore checks in every transaction whether it is still the writer
(`ledger.fence`), and this lock is what gives the second one a clear answer.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.storage.connecting import CONNECT_POSTGRESQL, Place

_KEY = 0x73656E74696E656C
"""Of the advisory lock: ``sentinel``."""
_ATTEMPTS = 10
_PAUSE_S = 0.1
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
_HOLDER = """
    SELECT coalesce(host(a.client_addr), 'local socket'), a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s AND l.objsubid = 1
    AND a.datname = current_database()
"""


@contextmanager
def only_writer(place: Place) -> Iterator[None]:
    """Be the only writer of a database while inside; at once or not at all.

    Raises:
        BadConfiguration: somebody else is; says who and what to do.
    """
    with _on_file(place.path) if place.dialect == "sqlite" else _on_server(place):
        yield


@contextmanager
def _on_file(database: Path) -> Iterator[None]:
    # The lock's file stays: were it removed, two processes could hold two files of one name.
    path = database.with_name(database.name + ".lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadConfiguration(f"the lock {str(path)!r} cannot be opened: {error.strerror}") from error
    try:
        _take(descriptor, path, database)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, database: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise BadConfiguration(
            f"{str(database)!r} already has a writer (process {holder}): stop that gateway, or give this one a "
            f"database of its own"
        ) from error
    except OSError as error:
        hint = ": use a local volume, or PostgreSQL" if error.errno in _NO_LOCKS else ""
        raise BadConfiguration(f"the lock {str(path)!r} cannot be taken ({error.strerror}){hint}") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


@contextmanager
def _on_server(place: Place) -> Iterator[None]:
    with psycopg.connect(place.secret_url, autocommit=True, **CONNECT_POSTGRESQL) as session:
        if not _got(session):
            raise BadConfiguration(_held(session, place))
        try:
            yield
        finally:
            # Closing the session frees it too, but only after a while; a session that is lost freed it already.
            with suppress(psycopg.Error):
                session.execute("SELECT pg_advisory_unlock(%s)", (_KEY,))


def _got(session: psycopg.Connection) -> bool:
    """The server may need a moment to notice that the last holder was killed."""
    for attempt in range(_ATTEMPTS):
        time.sleep(_PAUSE_S if attempt else 0)
        row = session.execute("SELECT pg_try_advisory_lock(%s)", (_KEY,)).fetchone()
        if row is not None and row[0]:
            return True
    return False


def _held(session: psycopg.Connection, place: Place) -> str:
    row = session.execute(_HOLDER, (_KEY >> 32, _KEY & 0xFFFFFFFF)).fetchone()
    holder = f"from {row[0]}, server process {row[1]}" if row else "unknown"
    return (
        f"{place.name} already has a writer ({holder}): stop that gateway, or give this one a database of its own; "
        f"a gateway that was cut off is noticed by the server within about two minutes"
    )
