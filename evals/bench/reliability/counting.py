"""Trails of failing SMs, computed from the failures alone.

All a pass does to a trail is to add one to the burst before it, and nothing where there is no trail. So sweeps without
failures are counted by the schedule instead of being run, and of a sweep with failures only the failures go through the
gateway's `bursts.extended`. tests/sentinel_model proves that the trails equal those of every single result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gcm_sentinel.evals.bench.reliability.schedule import CYCLE_TICKS, Schedule, Slot, time_of
from sentinel_gateway.domain.bursts import WHOLE, Burst, Trail, Trails, extended
from sentinel_gateway.domain.probes import ProbeResult


def with_passes(trails: Trails, schedule: Schedule, from_tick: int, to_tick: int) -> Trails:
    """The trails after sweeps in which everything passed."""
    return {
        key: _passed(trail, schedule.results_before(key, to_tick) - schedule.results_before(key, from_tick))
        for key, trail in trails.items()
    }


def with_sweep(trails: Trails, schedule: Schedule, failures: Sequence[Slot], phase_s: float = 0.0) -> Trails:
    """The trails after a sweep in which some results failed; all of one minute, in order."""
    tick = failures[0].tick
    ranks = _ranks(schedule, tick)
    outcomes = [
        (slot.sm_id, slot.probe_type, int(ProbeResult.FAIL), time_of(tick, ranks[slot[1:]], phase_s))
        for slot in failures
    ]
    grown = extended(trails, outcomes)
    first: dict[int, Slot] = {}
    count: dict[int, int] = {}
    for slot in failures:
        for key in (slot.sm_id, WHOLE):
            first.setdefault(key, slot)
            count[key] = count.get(key, 0) + 1
    return {
        key: _swept(trail, schedule, key, (first[key], count[key]))
        if key in first
        else _passed(trail, _of_minute(schedule, key, tick))
        for key, trail in grown.items()
    }


def _swept(trail: Trail, schedule: Schedule, key: int, seen: tuple[Slot, int]) -> Trail:
    """Count what passed in the same minute, before its first failure and after it."""
    first, failures = seen
    before = _before(schedule, key, first)
    earlier = _passed(trail[:-1], before)
    return (*earlier, *_passed(trail[-1:], _of_minute(schedule, key, first.tick) - before - failures))


def _of_minute(schedule: Schedule, key: int, tick: int) -> int:
    return schedule.results_before(key, tick + 1) - schedule.results_before(key, tick)


def _passed(trail: Trail, passes: int) -> Trail:
    if not trail or not passes:
        return trail
    last = trail[-1]
    return (*trail[:-1], Burst(last.time_ns, last.types, last.failures, last.passes + passes))


def _before(schedule: Schedule, key: int, first: Slot) -> int:
    """How many results of the same minute come before a slot."""
    tables = schedule.ranks if key == WHOLE else schedule.ranks_of_sms
    return tables[first.tick % CYCLE_TICKS][first[1:]]


def _ranks(schedule: Schedule, tick: int) -> dict[tuple[int, int], int]:
    return schedule.ranks[tick % CYCLE_TICKS]


def in_order(schedule: Schedule, failures: Iterable[Slot]) -> list[Slot]:
    """Failures of one minute in the order in which they were run."""
    slots = list(failures)
    ranks = _ranks(schedule, slots[0].tick)
    return sorted(slots, key=lambda slot: ranks[slot[1:]])
