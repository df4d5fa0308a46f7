"""Two runs over the same cases: is the difference more than luck? Pure; the seed of the resampling is an argument.

Cases of one scenario resemble each other (its seeds change names and times, not the fault), so the mean difference of
the score is resampled by scenario and not by case, and its sign test counts scenarios. McNemar's test (McNemar 1947,
the exact form) counts cases that one run passed and the other failed, and so takes them as independent: it is the
more eager of the three. Over few scenarios the resampled interval is too sure of itself (over one it is a
point), so that a difference counts as more than luck only where the sign test says so, too.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gcm_sentinel.evals.statistics import even_odds_p, mean, quantile

_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where 95 % of its resampled values lie."""

    mean: float
    low: float
    high: float


def mcnemar_p(lost: int, gained: int) -> float:
    """Exact two-sided p for `lost` cases passed before only and `gained` passed now only."""
    return even_odds_p(lost, gained)


def sign_p(differences: Sequence[float]) -> float:
    """Two-sided p of the sign test; ties are left out."""
    return even_odds_p(
        sum(1 for value in differences if value < -_TINY), sum(1 for value in differences if value > _TINY)
    )


def bootstrap(groups: Mapping[str, Sequence[float]], *, seed: int, resamples: int = 4000) -> Interval:
    """The mean of all differences and its 95 % interval, whole groups drawn with replacement (percentile method)."""
    everything = [value for values in groups.values() for value in values]
    sums = [(sum(values), len(values)) for values in groups.values() if values]
    if not sums:
        return Interval(0.0, 0.0, 0.0)
    draw = random.Random(seed)  # noqa: S311  a statistic, no secret
    means = []
    for _ in range(resamples):
        drawn = draw.choices(sums, k=len(sums))
        means.append(sum(total for total, _ in drawn) / sum(count for _, count in drawn))
    return Interval(mean(everything), quantile(means, 0.025), quantile(means, 0.975))
