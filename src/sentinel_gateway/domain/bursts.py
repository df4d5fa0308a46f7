"""What is remembered of the SMs of a GPU that failed: when they did, and how many probes passed in between.

Failures of one SM within `BURST_NS` are one burst: several probes of one sweep see the same event, and a disturbance
that lasts a second must not count as often as there are probe types. A trail is the bursts of one SM in order of time;
`WHOLE` stands for all SMs of the GPU together. Passes are counted to the burst that precedes them by their own time, so
late and reordered results end where they belong. An SM that never failed has no trail and costs nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from sentinel_gateway.domain.probes import ProbeResult

WHOLE = -1
"""In place of an SM's number: the GPU as one."""
BURST_NS = 20_000_000_000
"""Shorter than the shortest period of a documented schedule (30 s), so each sweep of a dead SM is its own burst."""
MAX_BURSTS = 32
"""Remembered of one trail; the oldest are forgotten first. Decisions need three."""
_PASS, _FAIL = int(ProbeResult.PASS), int(ProbeResult.FAIL)


class Burst(NamedTuple):
    """Failures that came together, and what passed after them."""

    time_ns: int
    """Of the first failure that was heard of."""
    types: int
    """Bit n is set where probe type n failed."""
    failures: int
    """Failed results."""
    passes: int
    """Results that passed until the next burst."""


Trail: TypeAlias = tuple[Burst, ...]
Trails: TypeAlias = Mapping[int, Trail]
"""By SM, and `WHOLE`."""


class _Growing:
    """One trail while a batch is added."""

    __slots__ = ("bursts", "times")

    def __init__(self, trail: Trail) -> None:
        self.bursts = [list(burst) for burst in trail]
        self.times = [burst.time_ns for burst in trail]

    def fail(self, time_ns: int, probe_type: int) -> None:
        place = bisect_right(self.times, time_ns)
        for near in (place - 1, place):
            if 0 <= near < len(self.times) and abs(self.times[near] - time_ns) < BURST_NS:
                self.bursts[near][1] |= 1 << probe_type
                self.bursts[near][2] += 1
                return
        self.times.insert(place, time_ns)
        self.bursts.insert(place, [time_ns, 1 << probe_type, 1, 0])

    def succeed(self, time_ns: int) -> None:
        place = len(self.times) - 1
        if time_ns < self.times[place]:
            place = bisect_right(self.times, time_ns) - 1
        if place >= 0:
            self.bursts[place][3] += 1

    def trail(self) -> Trail:
        return tuple(Burst(*burst) for burst in self.bursts[-MAX_BURSTS:])


def extended(trails: Trails, outcomes: Iterable[tuple[int, int, int, int]]) -> Trails:
    """The trails after more results: SM, probe type, result, time. Errors and timeouts say nothing about corruption."""
    growing = {sm_id: _Growing(trail) for sm_id, trail in trails.items()}
    for sm_id, probe_type, result, time_ns in outcomes:
        if result == _FAIL:
            for key in (sm_id, WHOLE):
                growing.setdefault(key, _Growing(())).fail(time_ns, probe_type)
        elif result == _PASS and growing:
            for key in (sm_id, WHOLE):
                if (trail := growing.get(key)) is not None:
                    trail.succeed(time_ns)
    return {sm_id: trail.trail() for sm_id, trail in growing.items()}


def without(trails: Trails, probe_types: int, since_ns: int) -> Trails:
    """The trails without bursts since `since_ns` that only probe types of the bit set `probe_types` saw.

    What passed after such a burst is counted to the one before it.
    """
    kept = {sm_id: _without(trail, probe_types, since_ns) for sm_id, trail in trails.items()}
    return {sm_id: trail for sm_id, trail in kept.items() if trail}


def _without(trail: Trail, probe_types: int, since_ns: int) -> Trail:
    kept: list[Burst] = []
    for burst in trail:
        if burst.time_ns < since_ns or burst.types & ~probe_types:
            kept.append(burst)
        elif kept:
            kept[-1] = kept[-1]._replace(passes=kept[-1].passes + burst.passes)
    return tuple(kept)
