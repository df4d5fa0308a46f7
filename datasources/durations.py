"""Durations as operators and PromQL write them (``90s``, ``1h30m``, ``7d``), read once at the edge of a tool call."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


def parse_duration(text: str) -> timedelta:
    """The stretch of time `text` names; a bare number is seconds.

    Raises:
        ValueError: it is not a duration, or not a positive one.
    """
    word = text.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", word):
        seconds = float(word)
    elif _PART.sub("", word) == "" and word:
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(word))
    else:
        raise ValueError(f"not a duration: {text!r}; write 30m, 6h, 1h30m or 7d")
    if seconds <= 0 or seconds > 366 * 86400:
        raise ValueError(f"a duration must lie between 1 s and 366 days: {text!r}")
    return timedelta(seconds=seconds)


def bounded_duration(text: str, longest: timedelta) -> timedelta:
    """`parse_duration`, refusing what is longer than `longest`.

    Raises:
        ValueError: not a duration, or too long.
    """
    length = parse_duration(text)
    if length > longest:
        raise ValueError(f"{text!r} is longer than the {spell(longest)} this tool covers")
    return length


def spell(length: timedelta) -> str:
    """`length` in PromQL's spelling, in the largest unit that divides it: ``90s``, ``2h``, ``7d``."""
    seconds = round(length.total_seconds())
    for unit in ("d", "h", "m"):
        size = int(_UNITS[unit])
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
