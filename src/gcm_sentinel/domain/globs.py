"""Name lists with globs, as operators write them: an exact name wins over a pattern, `!` excludes."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether `name` is covered by `patterns`.

    An exact entry decides first (also an exact exclusion ``!name``), then exclusions by glob, then inclusions by glob.
    Case matters, as it does for Kubernetes names.
    """
    entries = tuple(patterns)
    if name in entries:
        return True
    if f"!{name}" in entries:
        return False
    if any(fnmatchcase(name, entry[1:]) for entry in entries if entry.startswith("!")):
        return False
    return any(fnmatchcase(name, entry) for entry in entries if not entry.startswith("!"))
