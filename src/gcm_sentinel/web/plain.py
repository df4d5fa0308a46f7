"""Makes hostile text safe to look at: invisible and reordering characters become visible ones.

Used by everything in this room that shows text from logs, alerts or a model. Escaping for HTML is Jinja's job; this
takes care of what escaping leaves in place: terminal escape sequences, NUL bytes, and direction overrides that make a
line read differently from what it says.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_SUSPECT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_PICTURES = 0x2400


def printable(text: str) -> str:
    """`text` with control characters as pictures (``␛``), reordering ones as ``<U+202E>``; new lines and tabs stay."""
    return _SUSPECT.sub(_shown, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """`printable` text with its white space folded."""
    return " ".join(printable(text).split())


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(_PICTURES + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"


def moment(value: datetime | None) -> str:
    """``2026-11-20 03:12:44``, in UTC; a dash when there is none."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value else "–"


def span(length: timedelta) -> str:
    """A duration in its two largest units: ``41 s``, ``5 m 03 s``, ``2 h 10 m``, ``3 d 4 h``."""
    seconds = int(abs(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02d} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} m"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def offset(value: datetime, zero: datetime) -> str:
    """How long before (−) or after (+) `zero` something was."""
    difference = value - zero
    if abs(difference.total_seconds()) < 1:
        return "0 s"
    return ("−" if difference < timedelta() else "+") + span(difference)
