"""Which SM runs which probe when: the documented default schedule, minute by minute.

Where a schedule asks for a share of the SMs, the simulated agent takes turns (the documentation's "rotation"), so that
the number of results of an SM between two moments is known without drawing them. A sweep is everything that a GPU runs
in one minute, type by type, SM by SM.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.domain.probes import ProbeType

TICK_S = 60
NS_PER_S = 1_000_000_000
TICKS_PER_DAY = 86_400 // TICK_S
_RANK_NS = 50_000
"""Between two results of a sweep."""
START_NS = 1_800_000_000 * NS_PER_S
"""When minute 0 begins: long after 1970, which stands for "never" in the gateway."""


class Row(NamedTuple):
    """One probe type."""

    probe_type: int
    period_ticks: int
    turns: int
    """Sweeps until every SM had its turn: 1 / share."""


class Slot(NamedTuple):
    """One result in a cycle of the schedule."""

    tick: int
    probe_type: int
    sm_id: int


DEFAULT_ROWS = (
    Row(ProbeType.FMA, 1, 1),
    Row(ProbeType.TENSOR_CORE, 1, 1),
    Row(ProbeType.TRANSCENDENTAL, 2, 2),
    Row(ProbeType.AES, 5, 4),
    Row(ProbeType.MEMORY, 10, 1),
    Row(ProbeType.REGISTER_FILE, 2, 1),
    Row(ProbeType.SHARED_MEMORY, 5, 2),
)
"""`default.yaml` of the reference: every 60, 60, 120, 300, 600, 120, 300 s, some on a share of the SMs."""
CYCLE_TICKS = 20
"""After so many minutes it begins again: the least common multiple of all periods times turns."""


@dataclass(frozen=True)
class Schedule:
    """What one GPU runs."""

    sms: int = 132
    rows: tuple[Row, ...] = DEFAULT_ROWS

    @cached_property
    def cycle(self) -> tuple[Slot, ...]:
        """Every result of a cycle, in order."""
        return tuple(slot for tick in range(CYCLE_TICKS) for slot in self.sweep(tick))

    @cached_property
    def cycles_of_sms(self) -> tuple[tuple[Slot, ...], ...]:
        """The same for each SM alone."""
        slots: list[list[Slot]] = [[] for _ in range(self.sms)]
        for slot in self.cycle:
            slots[slot.sm_id].append(slot)
        return tuple(tuple(own) for own in slots)

    def sweep(self, tick: int) -> tuple[Slot, ...]:
        """What runs in one minute, in order."""
        return tuple(
            Slot(tick, row.probe_type, sm_id)
            for row in self.rows
            if tick % row.period_ticks == 0
            for sm_id in range(self.sms)
            if sm_id % row.turns == tick // row.period_ticks % row.turns
        )

    @cached_property
    def sweeps(self) -> tuple[tuple[Slot, ...], ...]:
        """The sweeps of a cycle."""
        return tuple(self.sweep(tick) for tick in range(CYCLE_TICKS))

    @cached_property
    def ranks(self) -> tuple[dict[tuple[int, int], int], ...]:
        """For each minute of a cycle the place of (probe type, SM) in its sweep."""
        return tuple({slot[1:]: rank for rank, slot in enumerate(sweep)} for sweep in self.sweeps)

    @cached_property
    def ranks_of_sms(self) -> tuple[dict[tuple[int, int], int], ...]:
        """The same among the results of its own SM."""
        tables = []
        for sweep in self.sweeps:
            seen: Counter[int] = Counter()
            table = {}
            for slot in sweep:
                table[slot[1:]] = seen[slot.sm_id]
                seen[slot.sm_id] += 1
            tables.append(table)
        return tuple(tables)

    @cached_property
    def _counts(self) -> dict[int, tuple[int, ...]]:
        """Results before each minute of a cycle, and of the whole cycle, by SM and for all of them."""
        counts = {}
        for key in (WHOLE, *range(self.sms)):
            own = [sum(key in (WHOLE, slot.sm_id) for slot in sweep) for sweep in self.sweeps]
            counts[key] = tuple(accumulate(own, initial=0))
        return counts

    def results_before(self, key: int, tick: int) -> int:
        """How many results an SM (or `WHOLE`) has before a minute, since minute 0."""
        counts = self._counts[key]
        return tick // CYCLE_TICKS * counts[-1] + counts[tick % CYCLE_TICKS]

    def slot_of(self, key: int, index: int) -> Slot:
        """The result with a number, counted from minute 0, of an SM or of all."""
        own = self.cycle if key == WHOLE else self.cycles_of_sms[key]
        slot = own[index % len(own)]
        return slot._replace(tick=slot.tick + index // len(own) * CYCLE_TICKS)


def time_of(tick: int, rank: int = 0, phase_s: float = 0.0) -> int:
    """When the result with a rank in its sweep is made, in nanoseconds."""
    return START_NS + int((tick * TICK_S + phase_s) * NS_PER_S) + rank * _RANK_NS


def tick_of(time_ns: int) -> int:
    """The minute of a time."""
    return (time_ns - START_NS) // (TICK_S * NS_PER_S)
