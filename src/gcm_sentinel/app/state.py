"""Where the agent keeps what must survive: a folder with SQLite files, or a PostgreSQL database shared by replicas."""

from __future__ import annotations

import os
import re
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from gcm_sentinel.app.settings import Settings
from gcm_sentinel.domain.errors import BadConfiguration

DATABASE_FILE = "gcm-sentinel.db"
DURABLE_FILE = "durable.db"
"""The queue engine's own file: two writers of one SQLite file would wait for each other."""
LOCK_FILE = "lock"
_SOLE = "sole"
"""Executor id on SQLite, where there is one process: what its predecessor left is its own."""


@dataclass(frozen=True, slots=True)
class StatePlace:
    """The addresses of everything that is kept."""

    database_url: str = field(repr=False)
    durable_url: str = field(repr=False)
    folder: Path | None
    """None with PostgreSQL."""
    executor: str
    """This process among those that share the database."""

    @property
    def shared(self) -> bool:
        """Whether several replicas may use it."""
        return self.folder is None


def place_of(settings: Settings) -> StatePlace:
    """The place `settings` names; nothing is made or opened.

    Raises:
        BadConfiguration: a database URL of a kind that is not supported.
    """
    url = settings.database_url.get_secret_value()
    if not url:
        folder = settings.state_dir or _default_folder()
        return StatePlace(f"sqlite:///{folder / DATABASE_FILE}", f"sqlite:///{folder / DURABLE_FILE}", folder, _SOLE)
    if not url.startswith(("postgresql://", "postgres://")):
        raise BadConfiguration(
            f"GCM_SENTINEL_DATABASE_URL: {_kind_of(url)} is not supported; use postgresql://user:password@host/name, "
            "or leave it empty for SQLite in GCM_SENTINEL_STATE_DIR"
        )
    url = "postgresql://" + url.partition("://")[2]
    executor = settings.replica_id or f"{socket.gethostname()}-{secrets.token_hex(4)}"
    return StatePlace(url, url, None, executor)


def _kind_of(url: str) -> str:
    """What may be shown of `url`: its scheme; nothing of what is no URL, for there a password may be anywhere."""
    found = re.match(r"[a-z][a-z0-9+.-]*(?=://)", url, re.IGNORECASE)
    return repr(found[0]) if found else "what is not a URL"


def make_folder(folder: Path) -> None:
    """Make the state folder and its files, for their owner only; what is there keeps its permissions.

    The files are made here because SQLite would let everybody read them, wherever the folder was made by somebody else.

    Raises:
        BadConfiguration: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadConfiguration(f"GCM_SENTINEL_STATE_DIR {str(folder)!r} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise BadConfiguration(f"GCM_SENTINEL_STATE_DIR {str(folder)!r} cannot be written by this user")
    try:
        for name in (DATABASE_FILE, DURABLE_FILE):
            (folder / name).touch(mode=0o600)
    except OSError as error:
        raise BadConfiguration(f"a file in {str(folder)!r} cannot be made: {error.strerror}") from error


def incidents_missing(folder: Path) -> bool:
    """Whether `folder` holds a queue of jobs and nothing of the incidents they are about."""
    durable, incidents = folder / DURABLE_FILE, folder / DATABASE_FILE
    return _holds_anything(durable) and not _holds_anything(incidents)


def _holds_anything(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:  # no file, or none that may be read: opening it tells which
        return False


def _default_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "gcm-sentinel"
