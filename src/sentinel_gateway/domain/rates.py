"""How often something happened lately: counts by minute of their own times, over a sliding window.

Only minutes in which something happened are kept, so a healthy GPU has none. What comes late counts in its own minute;
the window therefore slides in steps of a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

_NS_PER_MINUTE = 60_000_000_000


class Minute(NamedTuple):
    """What happened in one minute since 1970."""

    minute: int
    failures: int = 0
    anomalies: int = 0
    dissents: int = 0


Minutes: TypeAlias = tuple[Minute, ...]
"""In order."""


def minute_of(time_ns: int) -> int:
    """The minute a time falls in."""
    return time_ns // _NS_PER_MINUTE


def with_more(minutes: Minutes, more: Iterable[Minute], now_ns: int, window_s: int) -> Minutes:
    """The counts after more happened; what has left the window is forgotten."""
    first = minute_of(now_ns) - window_s // 60
    by_minute = {one.minute: one for one in minutes if one.minute > first}
    for one in more:
        if one.minute > first:
            known = by_minute.get(one.minute, Minute(one.minute))
            by_minute[one.minute] = Minute(
                one.minute,
                known.failures + one.failures,
                known.anomalies + one.anomalies,
                known.dissents + one.dissents,
            )
    return tuple(sorted(by_minute.values()))


def within(minutes: Minutes, now_ns: int, window_s: int) -> Minute:
    """The sums over the window that ends now; `minute` is its last."""
    last = minute_of(now_ns)
    first = last - window_s // 60
    counted = [one for one in minutes if one.minute > first]
    return Minute(
        last,
        sum(one.failures for one in counted),
        sum(one.anomalies for one in counted),
        sum(one.dissents for one in counted),
    )
