"""Reading timestamps, and the ages that tables print."""

from __future__ import annotations

import re
from datetime import datetime

_FRACTION = re.compile(r"\.(\d+)")


def parse_instant(text: object) -> float | None:
    """Epoch seconds of an RFC 3339 timestamp, None when it is none (or has no offset)."""
    if not isinstance(text, str):
        return None
    try:
        # Go prints nanoseconds; Python reads at most microseconds.
        when = datetime.fromisoformat(_FRACTION.sub(lambda match: f".{match.group(1)[:6]}", text, count=1))
    except ValueError:
        return None
    return when.timestamp() if when.tzinfo else None


def age(since: object, now: float) -> str:
    """How long ago a timestamp is, as kubectl prints it; `<unknown>` without one."""
    at = parse_instant(since)
    return "<unknown>" if at is None else human_duration(now - at)


def human_duration(seconds: float) -> str:
    """A duration in one or two units: `45s`, `3m10s`, `5h`, `2d3h`, `400d`, `3y40d`."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{max(whole, 0)}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years, rest = divmod(days, 365)
    return _two(years, "y", rest, "d") if years < 8 else f"{years}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"
