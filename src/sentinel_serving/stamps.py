"""Whether a file is another one than before: told without reading it."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[int, int, int]
"""Inode, time of the last change in nanoseconds, size in bytes."""


def stamp_of(path: Path) -> Stamp | None:
    """What changes with the file; None where it cannot be looked at, which reading it explains."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
