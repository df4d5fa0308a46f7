"""A fleet in which many GPUs are defective at once: how many are found, and where guards begin to hide them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from gcm_sentinel.evals.bench.reliability.fleet import fleet_of, phase_s
from gcm_sentinel.evals.bench.reliability.judging import Judge
from gcm_sentinel.evals.bench.reliability.schedule import CYCLE_TICKS, Schedule, Slot
from sentinel_gateway.model.guards import Shared
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step

SHARES = (0.001, 0.005, 0.01, 0.03)
"""Of GPUs with a dead SM; one in 1,000 is what is found in the field."""
MINUTES = 20


@dataclass(frozen=True, slots=True)
class Sick:
    """What the gateway did."""

    share: float
    gpus: int
    defective: int
    steps: Counter[Step]
    wrong: int
    """Steps against GPUs without a defect."""
    guards: tuple[Shared, ...]


def sick(share: float, gpus: int, seed: int) -> Sick:
    """One SM of each defective GPU is dead, from the same minute on."""
    schedule, random = Schedule(), Random(seed)  # noqa: S311 - a simulation
    judge = Judge(fleet_of(gpus), schedule, ModelSettings())
    dead = {number: random.randrange(schedule.sms) for number in random.sample(range(gpus), round(share * gpus))}
    for tick in range(MINUTES):
        sweep = [slot._replace(tick=tick) for slot in schedule.sweeps[tick % CYCLE_TICKS]]
        reports: dict[float, dict[int, list[Slot]]] = {}
        for number, sm_id in dead.items():
            if judge.works(number):
                own = [slot for slot in sweep if slot.sm_id == sm_id]
                reports.setdefault(phase_s(judge.fleet[number]), {})[number] = own
        for _, failed in sorted(reports.items()):
            judge.report(failed)
    causes = tuple(dict.fromkeys(guard.shared for guard in judge.guards.values()))
    wrong = sum(done.number not in dead for done in judge.done)
    return Sick(share, gpus, len(dead), judge.steps(), wrong, causes)
