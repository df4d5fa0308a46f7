"""A fleet in which many GPUs are defective at once: how many are found, though it looks like a common cause."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from gcm_sentinel.evals.bench.reliability.fleet import fleet_of
from gcm_sentinel.evals.bench.reliability.judging import Judge
from gcm_sentinel.evals.bench.reliability.schedule import CYCLE_TICKS, Schedule, Slot
from sentinel_gateway.model.guards import Shared
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step

SHARES = (0.001, 0.005, 0.01, 0.03)
"""Of GPUs with a dead SM; one in 1,000 is what is found in the field."""
MINUTES = 90
"""Longer than the guards' window: what a facility does is over by then."""


@dataclass(frozen=True, slots=True)
class Sick:
    """What the gateway did."""

    share: float
    gpus: int
    defective: int
    steps: Counter[Step]
    found: int
    """Of the defective: quarantined or proposed."""
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
        failed: dict[int, list[Slot]] = {}
        for number, sm_id in dead.items():
            if judge.works(number):
                failed[number] = [slot for slot in sweep if slot.sm_id == sm_id]
        judge.report(failed)
    causes = tuple(dict.fromkeys(judge.guards.values()))
    found = {done.number for done in judge.done if done.step in (Step.QUARANTINE, Step.PROPOSE)}
    wrong = sum(done.number not in dead for done in judge.done)
    return Sick(share, gpus, len(dead), judge.steps(), len(found & dead.keys()), wrong, causes)
