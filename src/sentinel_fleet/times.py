"""Durations as scenarios write them and instants as the served systems print them.

A duration is text such as `-40s`, `3d2h` or `1.5m`; inside, it is a float of seconds. Instants are epoch seconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
ALLOWED = "a duration such as -40s, 3d2h or 0s (units ms, s, m, h, d)"

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: str) -> float:
    """Seconds of a duration; a leading minus or plus counts for the whole of it.

    Raises:
        ValueError: the text is not a duration.
    """
    body = text.strip()
    sign = -1.0 if body.startswith("-") else 1.0
    body = body.lstrip("+-") if body[:1] in "+-" else body
    parts = _PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise ValueError(f"not a duration; expected {ALLOWED}")
    return sign * sum(float(number) * UNITS_S[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """The shortest exact spelling down to milliseconds: 312.5 becomes `5m12s500ms`."""
    left = round(abs(seconds) * 1000)
    words = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count}{unit}")
    return ("-" if seconds < 0 else "") + ("".join(words) or "0s")


@lru_cache(maxsize=4096)
def rfc3339(at: float) -> str:
    """An instant as Kubernetes prints `Time`: whole seconds, UTC."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(at: float) -> str:
    """An instant as Kubernetes prints `MicroTime` and as journals do."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def rfc3339_milli(at: float) -> str:
    """An instant as Alertmanager prints it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def syslog_stamp(at: float) -> str:
    """An instant as rsyslog's high-precision template prints it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
