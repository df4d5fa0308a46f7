"""A file that appears whole or not at all: written beside its place, made durable, then put there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sentinel_gateway.domain.errors import BadConfiguration


def write_whole(path: Path, pieces: Iterable[bytes], mode: int = 0o640) -> int:
    """Put `pieces` in the place of `path`; how many bytes they were. What was there stays until all is written.

    Raises:
        BadConfiguration: it cannot be written; nothing was changed.
    """
    if path.exists() and not path.is_file():
        raise BadConfiguration(f"{str(path)!r} is no file that could be replaced")
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
            try:
                size = sum(draft.write(piece) for piece in pieces)
                draft.flush()
                os.fsync(draft.fileno())
                Path(draft.name).chmod(mode)
                Path(draft.name).replace(path)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise BadConfiguration(f"{str(path)!r} cannot be written: {error.strerror}") from error
    return size
