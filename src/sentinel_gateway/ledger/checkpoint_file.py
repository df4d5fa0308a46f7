"""The newest checkpoint in a file outside the database: what tells a truncated ledger from a short one.

Replaced as a whole after every commit, on the disk before anything else happens. Copy it to another machine, or give it
to a witness, and not even somebody with database and key can shorten the ledger unnoticed. The note has the format of
others, so whose it is stands in a second file beside it, ``NAME.database``: identity and name in a line each.
"""

from __future__ import annotations

import os
from pathlib import Path

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.ledger.identity import Identity

_PRIVATE = 0o600


class CheckpointFile:
    """One checkpoint with its owner; the folder must be writable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner_path = path.with_name(f"{path.name}.database")

    def read(self) -> str | None:
        """The note in it; None where there is no file.

        Raises:
            BadConfiguration: it is there and cannot be read.
        """
        return _text(self.path)

    def write(self, note: str) -> None:
        """Put `note` in its place, durably.

        Raises:
            OSError: it cannot be written; what was there stays.
        """
        _replace(self.path, note)

    def owner(self) -> Identity | None:
        """The database the note is about; None where nobody wrote it down, as older versions did not.

        Raises:
            BadConfiguration: the file with it is there and cannot be read.
        """
        found = _text(self._owner_path)
        if found is None:
            return None
        database_id, _, name = found.rstrip("\n").partition("\n")
        if not database_id or not name:
            raise BadConfiguration(f"{str(self._owner_path)!r} does not name a database: restore it, or move it away")
        return Identity(database_id, name)

    def belongs_to(self, owner: Identity) -> None:
        """Write down the database that the note is about, unless it stands there.

        Raises:
            BadConfiguration: it cannot be written.
        """
        if self.owner() == owner:
            return
        try:
            _replace(self._owner_path, f"{owner.database_id}\n{owner.name}\n")
        except OSError as error:
            raise BadConfiguration(f"{str(self._owner_path)!r} cannot be written: {error.strerror}") from error

    def set_aside(self, size: int) -> Path:
        """Keep the present file under another name, as evidence of a ledger of `size` entries.

        Raises:
            OSError: it cannot be renamed.
        """
        return self.path.replace(self.path.with_name(f"{self.path.name}.lost-{size}"))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"the checkpoint file {str(path)!r} cannot be read: {error}") from error


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, _PRIVATE)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
