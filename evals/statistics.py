"""The statistics of the results: shares with their 95 % Wilson interval, middles and tails, and Bernoulli's exact test.

Standard library only, because the agent has no numerical library. What compares two runs is in `paired.py`, what holds
confidence against correctness in `calibration.py`.
"""

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
    by_scenario: bool = False
    """Whether the interval takes the cases of a scenario as one another's likes; else it is Wilson's over cases."""

    @property
    def value(self) -> float:
        """successes / trials; 0 without trials."""
        return self.successes / self.trials if self.trials else 0.0


def wilson(successes: int, trials: int) -> Share:
    """The Wilson score interval (Wilson 1927), which stays inside 0..1 and is honest for few trials."""
    if trials == 0:
        return Share(0, 0, 0.0, 1.0)
    return Share(successes, trials, *wilson_ends(successes / trials, trials))


def wilson_ends(share: float, trials: int) -> tuple[float, float]:
    """The ends of the Wilson interval of a share of `trials`, at least one."""
    square = _Z95**2
    middle = share + square / (2 * trials)
    spread = _Z95 * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    scale = 1 + square / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def median(values: Sequence[float]) -> float:
    """The median; 0 for nothing."""
    return statistics.median(values) if values else 0.0


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean; 0 for nothing."""
    return math.fsum(values) / len(values) if values else 0.0


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie, linear between neighbours; 0 for nothing.

    Definition 7 of Hyndman and Fan (1996), as NumPy and R have it by default.
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def even_odds_p(fewer: int, more: int) -> float:
    """Two-sided exact p of a split `fewer`:`more` where both sides are equally likely (sign test); 1 for 0:0."""
    trials, least = fewer + more, min(fewer, more)
    tail = sum(math.comb(trials, count) for count in range(least + 1))
    return min(1.0, tail / (1 << trials) * 2)
