"""The reference's score on the same data: alpha / (alpha + beta) of all results of a GPU, from a fresh prior.

A fresh prior is its best case: every healthy day before adds about 570,000 to alpha. Its documentation decides on the
lower bound of the 95 % credible interval, its code on the mean; thresholds and priors differ too, so both are run.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from gcm_sentinel.evals.bench.reliability.faults import Fault, failures
from gcm_sentinel.evals.bench.reliability.schedule import CYCLE_TICKS, TICK_S, TICKS_PER_DAY, Schedule
from sentinel_gateway.domain.bursts import WHOLE


@dataclass(frozen=True, slots=True)
class Thresholds:
    """One of its two specifications."""

    name: str
    alpha: float
    beta: float
    tiers: tuple[tuple[str, float], ...]
    """What happens below which score."""


CODED = Thresholds("code", 1000, 1, (("SUSPECT", 0.995), ("QUARANTINED", 0.99), ("CONDEMNED", 0.95)))
DOCUMENTED = Thresholds("documentation", 100, 1, (("SUSPECT", 0.95), ("QUARANTINED", 0.80)))


@dataclass(frozen=True, slots=True)
class Scored:
    """What its score did."""

    fault: Fault
    thresholds: Thresholds
    lowest: float
    reached: tuple[tuple[str, float], ...]
    """The tiers it came to, with the hours it took."""
    samples: tuple[tuple[float, float], ...]
    """Hours and score, for a drawing."""


def scored(fault: Fault, thresholds: Thresholds, days: int, seed: int) -> Scored:
    """Follow the score of a GPU with a fault; it is lowest right after a failure."""
    schedule, random = Schedule(), Random(seed)  # noqa: S311 - a simulation
    lowest, reached, samples = 1.0, dict[str, float](), []
    prior = thresholds.alpha + thresholds.beta
    next_sample = 0.0
    for failed, slot in enumerate(failures(fault, schedule, random, 0, days * TICKS_PER_DAY), 1):
        rank = schedule.ranks[slot.tick % CYCLE_TICKS][slot[1:]]
        results = schedule.results_before(WHOLE, slot.tick) + rank + 1
        score = (thresholds.alpha + results - failed) / (prior + results)
        hours = max(slot.tick, 0.1) * TICK_S / 3600
        lowest = min(lowest, score)
        for tier, below in thresholds.tiers:
            if score < below:
                reached.setdefault(tier, hours)
        if hours >= next_sample:
            samples.append((hours, score))
            next_sample = hours * 1.1
    return Scored(fault, thresholds, lowest, tuple(reached.items()), tuple(samples))


def results_until_three_in_a_row(chance: float) -> float:
    """Of an SM, on average, until three of its results fail in a row: the reference's immediate quarantine."""
    return (1 - chance**3) / ((1 - chance) * chance**3) if chance < 1 else 3.0
