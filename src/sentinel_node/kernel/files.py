"""Small files of sysfs and procfs: their text, or nothing where they are not there or not ours to read."""

from __future__ import annotations

from pathlib import Path


def text(path: Path) -> str:
    """The file's text without surrounding blanks; empty where it cannot be read."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""  # Not there, not allowed, or a device that does not answer: the caller treats all as not told.


def number(path: Path) -> int | None:
    """The file's one number, decimal or with ``0x``; None where there is none."""
    try:
        return int(text(path), 0)
    except ValueError:
        return None


def names(path: Path) -> tuple[str, ...]:
    """What a directory holds, in order; nothing where it cannot be read."""
    try:
        return tuple(sorted(entry.name for entry in path.iterdir()))
    except OSError:
        return ()  # As above.
