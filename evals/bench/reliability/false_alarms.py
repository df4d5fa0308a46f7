"""How often chance alone makes the sequential test cry out, without the guards and the fleet's own record.

Measured, for failure rates at which it happens; elsewhere the run gives an upper bound (three over the GPU-days).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from random import Random

from gcm_sentinel.evals.bench.reliability.counting import with_passes, with_sweep
from gcm_sentinel.evals.bench.reliability.faults import Fault, failures
from gcm_sentinel.evals.bench.reliability.schedule import TICKS_PER_DAY, Schedule
from sentinel_gateway.domain.bursts import WHOLE, Trails
from sentinel_gateway.model.evidence import accused
from sentinel_gateway.model.settings import ModelSettings

THRESHOLDS = tuple(math.log(odds) for odds in (1e9, 1e12, 1e15, 1e18))
"""In nats; 1e15 is the default."""
RATES = (1e-8, 1e-7, 2e-7, 5e-7, 1e-6, 2e-6, 5e-6, 1e-5, 1e-4)
"""Of a healthy SM to fail a probe; the model assumes 1e-8."""
DAYS = 30


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Of one failure rate."""

    rate: float
    alarms: tuple[int, ...]
    """By threshold."""
    gpu_days: tuple[float, ...]
    """Watched until the alarm or for 30 days, by threshold."""

    def per_gpu_day(self, place: int) -> tuple[float, bool]:
        """False quarantines, and whether that is measured; else it is the bound that 95 % confidence allows."""
        if self.alarms[place]:
            return self.alarms[place] / self.gpu_days[place], True
        return 3 / self.gpu_days[place], False


def false_alarms(rate: float, budget: int, seed: int) -> FalseAlarms:
    """Watch healthy GPUs until about `budget` failures were judged."""
    schedule, random = Schedule(), Random(seed)  # noqa: S311 - a simulation
    fault = Fault("chance", rate, WHOLE)
    alarms, gpu_days = [0] * len(THRESHOLDS), [0.0] * len(THRESHOLDS)
    judged = 0
    while judged < budget:
        count, reached = _watched(fault, schedule, random)
        judged += count
        for place, threshold in enumerate(THRESHOLDS):
            when = next((day for nats, day in reached if nats >= threshold), None)
            alarms[place] += when is not None
            gpu_days[place] += DAYS if when is None else when
    return FalseAlarms(rate, tuple(alarms), tuple(gpu_days))


def _watched(fault: Fault, schedule: Schedule, random: Random) -> tuple[int, list[tuple[float, float]]]:
    """How many failures one GPU had, and its records of evidence that would be enough with the day of each."""
    trails: Trails = {}
    counted = judged = 0
    records: list[tuple[float, float]] = []
    for tick, slots in groupby(failures(fault, schedule, random, 0, DAYS * TICKS_PER_DAY), key=lambda slot: slot.tick):
        trails = with_sweep(with_passes(trails, schedule, counted, tick), schedule, list(slots))
        counted, judged = tick + 1, judged + 1
        nats = accused(trails, ModelSettings()).evidence.proven_nats
        records.append((nats, tick / TICKS_PER_DAY))
        if nats >= THRESHOLDS[-1]:
            break
    return judged, records
