"""The reference's documented probe schedules, and what is due when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sentinel_fleet.sentinel.facts import PROBES, ProbeName


@dataclass(frozen=True, slots=True)
class Period:
    """How often a probe runs, and on which share of the SMs each time."""

    seconds: int
    share: float = 1.0

    def sms(self, sweep: int, count: int) -> range:
        """SMs of a sweep: sweeps take turns, so that each SM is visited once in 1 / share of them."""
        turns = round(1 / self.share)
        return range(sweep % turns, count, turns)


Schedule = Mapping[ProbeName, Period]

DEFAULT: Schedule = {
    "FMA": Period(60),
    "TENSOR_CORE": Period(60),
    "TRANSCENDENTAL": Period(120, 0.5),
    "AES": Period(300, 0.25),
    "MEMORY": Period(600),
    "REGISTER_FILE": Period(120),
    "SHARED_MEMORY": Period(300, 0.5),
}
"""default.yaml: 1 to 2 % of a GPU's time."""
AGGRESSIVE: Schedule = {
    "FMA": Period(30),
    "TENSOR_CORE": Period(30),
    "TRANSCENDENTAL": Period(60),
    "AES": Period(150, 0.5),
    "MEMORY": Period(300),
    "REGISTER_FILE": Period(60),
    "SHARED_MEMORY": Period(150),
}
"""aggressive.yaml: 3 to 5 %."""


def idle(schedule: Schedule) -> Schedule:
    """As the documented scheduler runs it while a GPU is at most 10 % utilised: every period halved."""
    return {probe: Period(max(1, period.seconds // 2), period.share) for probe, period in schedule.items()}


def due(schedule: Schedule, second: int) -> Iterator[tuple[ProbeName, int]]:
    """Probes that run at a second, each with the number of its sweep; all ran at second 0."""
    for probe in PROBES:
        if second % schedule[probe].seconds == 0:
            yield probe, second // schedule[probe].seconds
