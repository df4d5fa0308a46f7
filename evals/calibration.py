"""Confidence held against correctness: who says 0.9 should be right nine times in ten.

A case counts as right when the fault class is one the scenario accepts. The Brier score (Brier 1950) is the mean
squared distance of the confidence from 1 for a right and 0 for a wrong answer: 0 is perfect, 0.25 is what always saying
0.5 gives. The expected calibration error (Naeini et al. 2015) is the distance of confidence from the share that was
right, averaged over ten bins of equal width by how many answers each holds; it is small also for one who says the base
rate every time, so neither figure stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gcm_sentinel.evals.statistics import Share, mean, wilson

BINS = 10

Answer: TypeAlias = tuple[float, bool]
"""Confidence (0 to 1) and whether it was right."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies from `low` to `high`; the upper end belongs to the next bin, but for 1."""

    low: float
    high: float
    confidence: float
    """Mean of what was said."""
    right: Share


@dataclass(frozen=True, slots=True)
class Calibration:
    """The figures over all answers."""

    answers: int
    bins: tuple[Bin, ...]
    """Only those that hold an answer, from the lowest."""
    brier: float
    error: float
    """Expected calibration error."""


def calibration(answers: Sequence[Answer]) -> Calibration:
    """How well confidence and correctness agree; zeros without answers."""
    found: list[Bin] = []
    for place in range(BINS):
        held = [answer for answer in answers if _bin(answer[0]) == place]
        if held:
            said = mean([confidence for confidence, _ in held])
            share = wilson(sum(1 for _, right in held if right), len(held))
            found.append(Bin(place / BINS, (place + 1) / BINS, said, share))
    gaps = [item.right.trials * abs(item.confidence - item.right.value) for item in found]
    brier = mean([(confidence - right) ** 2 for confidence, right in answers])
    return Calibration(len(answers), tuple(found), brier, sum(gaps) / len(answers) if answers else 0.0)


def _bin(confidence: float) -> int:
    return min(BINS - 1, max(0, int(confidence * BINS + 1e-9)))
