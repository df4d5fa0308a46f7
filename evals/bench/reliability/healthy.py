"""A healthy fleet for weeks: nothing is defective, results fail by chance."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from gcm_sentinel.evals.bench.reliability.faults import successes
from gcm_sentinel.evals.bench.reliability.fleet import fleet_of
from gcm_sentinel.evals.bench.reliability.judging import Judge
from gcm_sentinel.evals.bench.reliability.schedule import TICKS_PER_DAY, Schedule, Slot
from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.model.guards import Shared
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step


@dataclass(frozen=True, slots=True)
class Healthy:
    """What happened to it."""

    multiple: float
    """How many times as often results failed as the model assumes."""
    results: int
    failures: int
    steps: Counter[Step]
    guards: tuple[Shared, ...]


def healthy(gpus: int, days: int, multiple: float, seed: int) -> Healthy:
    """Draw all failures of a fleet, then judge them minute by minute."""
    schedule, settings = Schedule(), ModelSettings()
    per_gpu = schedule.results_before(WHOLE, days * TICKS_PER_DAY)
    chance = settings.healthy_failure_rate * multiple
    minutes: dict[int, dict[int, list[Slot]]] = {}
    count = 0
    for index in successes(chance, Random(seed), 0, per_gpu * gpus):  # noqa: S311 - a simulation
        number, own = divmod(index, per_gpu)
        slot = schedule.slot_of(WHOLE, own)
        minutes.setdefault(slot.tick, {}).setdefault(number, []).append(slot)
        count += 1
    judge = Judge(fleet_of(gpus), schedule, settings)
    for tick in sorted(minutes):
        judge.report(minutes[tick])
    causes = tuple(dict.fromkeys(guard.shared for guard in judge.guards.values()))
    return Healthy(multiple, per_gpu * gpus, count, judge.steps(), causes)
