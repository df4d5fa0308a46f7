"""A healthy fleet for weeks: nothing is defective, results fail by chance, and monitors are wrong now and then."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from gcm_sentinel.evals.bench.reliability.faults import successes
from gcm_sentinel.evals.bench.reliability.fleet import fleet_of
from gcm_sentinel.evals.bench.reliability.judging import Judge
from gcm_sentinel.evals.bench.reliability.schedule import TICKS_PER_DAY, Schedule, Slot, time_of
from sentinel_gateway.domain.anomalies import AnomalyEvent, AnomalyType
from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.model.guards import Shared
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step

FALSE_ANOMALIES_A_WEEK = 0.5
"""Of each GPU, on average: loss spikes and odd outputs have many causes besides silicon. Assumed, not measured."""
_NOISY_SHARE, _NOISY_A_WEEK = 0.01, 14.0
"""Some run a workload whose monitor is wrong twice a day, which is as much as anomalies can ever say."""
_KIND = int(AnomalyType.LOSS_SPIKE)


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
    anomalies = _false_anomalies(gpus, days, Random(seed + 1))  # noqa: S311 - a simulation
    for tick in sorted({*minutes, *anomalies}):
        for number in anomalies.get(tick, ()):
            time_ns = time_of(tick, 0, 0.0)
            judge.anomaly(number, AnomalyEvent(f"{number}/{tick}", _KIND, judge.fleet[number], 2), time_ns)
        judge.report(minutes.get(tick, {}))
    causes = tuple(dict.fromkeys(judge.guards.values()))
    return Healthy(multiple, per_gpu * gpus, count, judge.steps(), causes)


def _false_anomalies(gpus: int, days: int, random: Random) -> dict[int, list[int]]:
    """GPUs by the minute in which a monitor blames them."""
    minutes: dict[int, list[int]] = {}
    for number in range(gpus):
        a_week = _NOISY_A_WEEK if random.random() < _NOISY_SHARE else FALSE_ANOMALIES_A_WEEK
        day = random.expovariate(a_week / 7)
        while day < days:
            minutes.setdefault(int(day * TICKS_PER_DAY), []).append(number)
            day += random.expovariate(a_week / 7)
    return minutes
