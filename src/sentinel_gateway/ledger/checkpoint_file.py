"""The newest checkpoint in a file outside the database: what tells a truncated ledger from a short one.

Replaced as a whole after every commit, on the disk before anything else happens. Copy it to another machine, or give it
to a witness, and not even somebody with database and key can shorten the ledger unnoticed.
"""

from __future__ import annotations

import os
from pathlib import Path

from sentinel_gateway.domain.errors import BadConfiguration


class CheckpointFile:
    """One file; its folder must be writable."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """The note in it; None where there is no file.

        Raises:
            BadConfiguration: it is there and cannot be read.
        """
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise BadConfiguration(f"the checkpoint file {str(self.path)!r} cannot be read: {error}") from error

    def write(self, note: str) -> None:
        """Put `note` in its place, durably.

        Raises:
            OSError: it cannot be written; what was there stays.
        """
        draft = self.path.with_name(self.path.name + ".new")
        with draft.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def set_aside(self, size: int) -> Path:
        """Keep the present file under another name, as evidence of a ledger of `size` entries.

        Raises:
            OSError: it cannot be renamed.
        """
        return self.path.replace(self.path.with_name(f"{self.path.name}.lost-{size}"))
