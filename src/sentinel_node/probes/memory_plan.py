"""How memory is cut up, and what is launched over it, in order. Pure.

A GPU runs a launch's threads in no order, and its L2 cache answers reads of what was just written. Both would undo a
march test: without order of addresses it misses a quarter of the coupling faults, and a read from the cache tests the
cache. So a stretch of memory is cut into units of 512 bytes, and units into groups by one digit of their number. Each
operation of an element is a launch of its own over one group, and the element goes from group to group, up or down.

* Order: launches run one after the other, so between units of two groups the march is exact. Units of one group are
  told apart by another digit: each round of a march uses the next one.
* HBM and not L2: a group is at least twice the L2 cache, and is walked in one direction always. Between two accesses to
  a word all others of its group pass, so the cache has dropped it, if it replaces the oldest first or nearly so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sentinel_node.domain.probes import Depth, ProbePlan
from sentinel_node.probes.counter_random import mix64
from sentinel_node.probes.memory_march import BACKGROUNDS, Background, MarchTest, Operation, Order

UNIT_BYTES = 512
GROUP_L2_MULTIPLE = 2
DIGIT_BITS = 4
"""Sixteen groups in a full stretch."""
MOST_QUEUED = 64
"""Launches between two waits. A full queue, of about a thousand, would block without a deadline or a cancel."""
RESERVE_BYTES = 2 * 2**30
"""Left free in a deep run, for the driver and for whoever starts next; less on a small memory, a sixteenth of it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Memory that is marched over as one; contiguous in the GPU's virtual memory."""

    size_bytes: int
    """A power of two."""
    width: int
    """Bits of the digit by which units form groups."""

    @property
    def unit_bits(self) -> int:
        """Of a unit's number."""
        return (self.size_bytes // UNIT_BYTES).bit_length() - 1

    @property
    def shifts(self) -> tuple[int, ...]:
        """Where the digit can stand, so that all rounds together cover every bit of a unit's number."""
        last = self.unit_bits - self.width
        return tuple(range(0, last, self.width)) + (last,)


@dataclass(frozen=True, slots=True)
class Step:
    """One launch."""

    stretch: int
    """Which, by its place in the plan."""
    operation: Operation
    background: Background
    group: int
    width: int
    shift: int


@dataclass(frozen=True, slots=True)
class Dose:
    """How much of what."""

    share: float
    """Of the free memory; 0 for one stretch."""
    rounds: int
    """Each with its own background and digit."""


def dose_of(plan: ProbePlan) -> Dose:
    """What a plan asks for, or what its depth implies."""
    is_deep = plan.depth is Depth.DEEP
    rounds = plan.repetitions or (len(BACKGROUNDS) if is_deep else 1)
    return Dose(plan.memory_share or (1.0 if is_deep else 0.0), rounds)


def group_bytes(l2_bytes: int) -> int:
    """The least that a group may be: a power of two."""
    return max(UNIT_BYTES, 1 << (GROUP_L2_MULTIPLE * l2_bytes - 1).bit_length())


def stretches(free_bytes: int, l2_bytes: int, share: float) -> tuple[Stretch, ...]:
    """The memory to take, the largest stretches first; empty where not even two groups fit.

    Args:
        free_bytes: What could be allocated.
        l2_bytes: The size of the L2 cache.
        share: Of `free_bytes`, over 0 to 1, but for a reserve; 0 for one full stretch, but never more than a quarter of
            what is free, since a workload may be running.
    """
    group = group_bytes(l2_bytes)
    wanted = int(free_bytes * share) if share else min(group << DIGIT_BITS, free_bytes // 4)
    left = min(wanted, free_bytes - min(RESERVE_BYTES, free_bytes // 16))
    found = []
    for width in range(DIGIT_BITS, 0, -1):
        while left >= group << width:
            found.append(Stretch(group << width, width))
            left -= group << width
    return tuple(found)


def march_steps(test: MarchTest, number: int, stretch: Stretch, turn: int) -> tuple[Step, ...]:
    """The launches of one round of a march test over one stretch.

    Args:
        test: Which.
        number: The stretch's place in the plan.
        stretch: The stretch.
        turn: Which background and which digit: the round's number, counted from `first_turn`.
    """
    cycle, which = divmod(turn, len(BACKGROUNDS))
    background, shift = BACKGROUNDS[which], stretch.shifts[(turn + cycle) % len(stretch.shifts)]
    return tuple(
        Step(number, operation, background, group, stretch.width, shift)
        for element in test.elements
        for group in _groups(stretch, element.order)
        for operation in element.operations
    )


def first_turn(seed: int) -> int:
    """Where the rounds begin: follows from the seed, so that light runs with one round each take turns."""
    return int(mix64(seed)[0] % np.uint64(2**16))


def sweep_steps(test: MarchTest, over: tuple[Stretch, ...], background: Background) -> Iterator[tuple[Step, ...]]:
    """The launches of a test whose every element goes over all stretches before the next, an element at a time."""
    for element in test.elements:
        yield tuple(
            Step(number, operation, background, group, stretch.width, 0)
            for operation in element.operations
            for number, stretch in enumerate(over)
            for group in _groups(stretch, element.order)
        )


def bounded(batches: Iterable[tuple[Step, ...]]) -> Iterator[tuple[Step, ...]]:
    """The same launches in the same order, so few at a time that none waits for room in the driver's queue."""
    for steps in batches:
        for begin in range(0, len(steps), MOST_QUEUED):
            yield steps[begin : begin + MOST_QUEUED]


def words_read(stretch: Stretch, steps: tuple[Step, ...]) -> int:
    """How many 32-bit words these launches compare."""
    group_words = stretch.size_bytes // 4 >> stretch.width
    return group_words * sum(step.operation.is_read for step in steps)


def _groups(stretch: Stretch, order: Order) -> range:
    groups = range(1 << stretch.width)
    return groups if order is Order.UP else groups[::-1]
