"""What goes wrong: faults as chances of single results to fail, drawn without drawing what passes.

Between two failures of equally likely ones lies a geometric number of results, so only failures are drawn. A chance
that changes (with the temperature, with the time of day) is drawn at its highest and thinned: each failure is kept
with the share that the chance has at its time. Both are exact, not approximations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from gcm_sentinel.evals.bench.reliability.schedule import TICKS_PER_DAY, Schedule, Slot
from sentinel_gateway.domain.bursts import WHOLE

ALL_TYPES = (1 << 16) - 1


def always(_: int) -> float:
    """The chance does not change."""
    return 1.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A defect of one GPU."""

    name: str
    chance: float
    """Of one result to fail, at most."""
    key: int = 0
    """The SM; `WHOLE` for any of them."""
    probe_types: int = ALL_TYPES
    """Bit n is set where probe type n can fail."""
    share_at: Callable[[int], float] = always
    """Of `chance`, in a given minute."""


def failures(fault: Fault, schedule: Schedule, random: Random, from_tick: int, to_tick: int) -> Iterator[Slot]:
    """What fails in some minutes, in order."""
    first, last = (schedule.results_before(fault.key, tick) for tick in (from_tick, to_tick))
    for index in successes(fault.chance, random, first, last):
        slot = schedule.slot_of(fault.key, index)
        if fault.probe_types >> slot.probe_type & 1 and random.random() < fault.share_at(slot.tick):
            yield slot


def successes(chance: float, random: Random, first: int, last: int) -> Iterator[int]:
    """Which of the numbers from `first` to below `last` are hit, each with the same chance."""
    if chance >= 1:
        yield from range(first, last)
    if not 0 < chance < 1:
        return
    per_nat = -1 / math.log1p(-chance)
    index = first
    while (index := index + int(-math.log(1 - random.random()) * per_nat)) < last:
        yield index
        index += 1


def temperature_c(tick: int) -> float:
    """Of a GPU that works by day: 45 to 80 degrees."""
    return 62.5 + 17.5 * math.sin(2 * math.pi * tick / TICKS_PER_DAY)


def hot_share(tick: int) -> float:
    """Of a fault that shows above 59 degrees and twice as often with every 3 degrees: it is at its worst at 80."""
    celsius = temperature_c(tick)
    return 2.0 ** ((celsius - 80) / 3) if celsius > 59 else 0.0


def by_day(tick: int) -> float:
    """Of a fault that shows under load only, twelve hours a day."""
    return 1.0 if tick % TICKS_PER_DAY < TICKS_PER_DAY // 2 else 0.0


def spread(name: str, per_day: float, schedule: Schedule) -> Fault:
    """A fault that strikes random SMs of a GPU, so many times a day."""
    return Fault(name, per_day / schedule.results_before(WHOLE, TICKS_PER_DAY), WHOLE)
