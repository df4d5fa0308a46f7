"""The few statistics the results need: a share with its 95 % Wilson interval, and a median."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of successes and its 95 % interval."""

    successes: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """successes / trials; 0 without trials."""
        return self.successes / self.trials if self.trials else 0.0


def wilson(successes: int, trials: int) -> Share:
    """The Wilson score interval (Wilson 1927), which stays inside 0..1 and is honest for few trials."""
    if trials == 0:
        return Share(0, 0, 0.0, 1.0)
    share, square = successes / trials, _Z95**2
    middle = share + square / (2 * trials)
    spread = _Z95 * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    scale = 1 + square / trials
    return Share(successes, trials, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def median(values: Sequence[float]) -> float:
    """The median; 0 for nothing."""
    return statistics.median(values) if values else 0.0
