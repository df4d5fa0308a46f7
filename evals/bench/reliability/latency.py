"""How soon a defective GPU is found, over many seeds: from the moment the defect appears to the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from random import Random

from gcm_sentinel.evals.bench.reliability.faults import Fault, by_day, failures, hot_share, spread
from gcm_sentinel.evals.bench.reliability.fleet import fleet_of
from gcm_sentinel.evals.bench.reliability.judging import Judge
from gcm_sentinel.evals.bench.reliability.schedule import NS_PER_S, TICK_S, TICKS_PER_DAY, Schedule
from sentinel_gateway.domain.bursts import WHOLE
from sentinel_gateway.domain.probes import ProbeType
from sentinel_gateway.model.settings import ModelSettings
from sentinel_gateway.model.verdicts import Step

_SCHEDULE = Schedule()
_SM = 77
DEAD = Fault("dead SM", 1.0, _SM)
ONE_PERCENT = Fault("SM failing 1 % of probes", 0.01, _SM)
ALL_DEAD = Fault("all SMs dead", 1.0, WHOLE)
FAULTS = (
    DEAD,
    *(Fault(f"SM dead for {kind.name} only", 1.0, _SM, 1 << kind) for kind in ProbeType),
    ONE_PERCENT,
    Fault("SM failing 0.1 %", 0.001, _SM),
    Fault("SM failing 0.03 %", 0.0003, _SM),
    Fault("SM failing 1 % under load, 12 h a day", 0.01, _SM, share_at=by_day),
    Fault("SM failing 2 % at 80 C, none below 59 C", 0.02, _SM, share_at=hot_share),
    spread("100 a day on random SMs of one GPU", 100, _SCHEDULE),
    spread("10 a day on random SMs of one GPU", 10, _SCHEDULE),
    spread("1 a day on random SMs of one GPU", 1, _SCHEDULE),
    ALL_DEAD,
)
"""What is measured."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one fault."""

    fault: Fault
    suspect_h: tuple[float, ...]
    """Hours to SUSPECT, in order; infinite where it was never so."""
    quarantine_h: tuple[float, ...]
    localised: int
    """Quarantines that named the right SM, or the whole GPU where that is right."""

    def quantile_h(self, share: float) -> float:
        """Of the hours to quarantine."""
        return self.quarantine_h[min(len(self.quarantine_h) - 1, math.ceil(share * len(self.quarantine_h)) - 1)]


def latency(fault: Fault, seeds: range, days: int) -> Latency:
    """Run one fault with each seed, for so many days at most."""
    suspects, quarantines, localised = [], [], 0
    for seed in seeds:
        judge, onset_s = _run(fault, Random(f"{fault.name} {seed}"), days)  # noqa: S311 - a simulation
        first = {done.step: done for done in reversed(judge.done)}
        hours = {step: (done.time_ns / NS_PER_S - onset_s) / 3600 for step, done in first.items()}
        quarantines.append(hours.get(Step.QUARANTINE, math.inf))
        suspects.append(min(hours.get(Step.SUSPECT, math.inf), quarantines[-1]))
        if (taken := first.get(Step.QUARANTINE)) is not None:
            localised += (WHOLE if taken.sm_id is None else taken.sm_id) == fault.key
    return Latency(fault, tuple(sorted(suspects)), tuple(sorted(quarantines)), localised)


def _run(fault: Fault, random: Random, days: int) -> tuple[Judge, float]:
    """The gateway in the end, and when the defect appeared: at any moment of a day, between two sweeps."""
    start = random.randrange(TICKS_PER_DAY)
    onset_s = (start - random.random()) * TICK_S
    judge = Judge(fleet_of(8), _SCHEDULE, ModelSettings())
    failed = failures(fault, _SCHEDULE, random, start, start + days * TICKS_PER_DAY)
    for _, slots in groupby(failed, key=lambda slot: slot.tick):
        judge.report({0: list(slots)})
        if not judge.works(0):
            break
    return judge, onset_s
