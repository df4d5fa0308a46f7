"""One process per SQLite state folder: a lock that the kernel gives back when its holder dies, however it dies.

A second process would not damage the SQLite file, but it would run the same investigations: the queue of a SQLite
folder counts everything unfinished as its own. The pid in the file is for the message only; the lock is the kernel's.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from gcm_sentinel.domain.errors import BadConfiguration

_HELD = (errno.EAGAIN, errno.EACCES)
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


class StateLock:
    """Holds ``path`` while entered; enter it before anything in its folder is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock at once or not at all.

        Raises:
            BadConfiguration: another process has it, or the folder cannot be locked; says what to do.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BadConfiguration(f"the lock {str(self._path)!r} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            message = self._message(descriptor, error)
            os.close(descriptor)
            raise BadConfiguration(message) from error
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back; the file stays, for removing it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _message(self, descriptor: int, error: OSError) -> str:
        folder = str(self._path.parent)
        if error.errno in _HELD:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            return (
                f"the state folder {folder!r} is in use by another gcm-sentinel (pid {holder}): stop that one, give "
                f"this one a folder of its own (GCM_SENTINEL_STATE_DIR), or let several replicas share a PostgreSQL "
                f"database (GCM_SENTINEL_DATABASE_URL)"
            )
        if error.errno in _UNSUPPORTED:
            return (
                f"the state folder {folder!r} is on a file system without locks ({error.strerror}): use a local "
                f"volume, or PostgreSQL (GCM_SENTINEL_DATABASE_URL)"
            )
        return f"the lock {str(self._path)!r} cannot be taken: {error.strerror}"
