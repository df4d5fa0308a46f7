"""The latest results of an SM that failed, in order of their own times: how failures in a row are recognised.

A trail begins with an SM's first failure and ends when none of its latest results is one, so healthy SMs have none.
Two things count as failures in a row: results of the SM, whatever the probe, and results of one probe type on the SM (a
dead multiplier fails every FMA probe between other probes that pass). Results that come late are put in their place;
what passed before a trail began is not known, so late batches can make a row look longer than it was, never shorter.

One result is one whole number: microseconds, four bits of type, one bit that is set for a failure. It fits 63 bits.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping

MAX_LENGTH = 48
_TYPE_BITS = 4
_NS_PER_US = 1000


def mark(time_ns: int, probe_type: int, *, failed: bool) -> int:
    """One result; marks sort by time. `probe_type` is below 16."""
    return (time_ns // _NS_PER_US) << (_TYPE_BITS + 1) | probe_type << 1 | failed


def extended(trails: Mapping[int, tuple[int, ...]], marks: Iterable[tuple[int, int]]) -> dict[int, tuple[int, ...]]:
    """The trails by SM after more results, each an SM and a `mark`."""
    growing = {sm_id: list(trail) for sm_id, trail in trails.items()}
    for sm_id, one in marks:
        if (trail := growing.get(sm_id)) is not None:
            insort(trail, one)
        elif one & 1:
            growing[sm_id] = [one]
    latest = {sm_id: tuple(trail[-MAX_LENGTH:]) for sm_id, trail in growing.items()}
    return {sm_id: trail for sm_id, trail in latest.items() if any(one & 1 for one in trail)}


def longest_row(trail: Iterable[int]) -> tuple[int, int]:
    """The most failures in a row, and the probe type of the last of them (0 for none)."""
    rows: dict[int, int] = {}
    best, best_type = 0, 0
    for one in trail:
        probe_type = one >> 1 & ((1 << _TYPE_BITS) - 1)
        for key in (-1, probe_type):
            rows[key] = rows.get(key, 0) + 1 if one & 1 else 0
            if rows[key] > best:
                best, best_type = rows[key], probe_type
    return best, best_type
