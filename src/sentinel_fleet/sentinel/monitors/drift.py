"""A level that moved: an EWMA chart over means of blocks (LOGIT_DRIFT, ENTROPY_ANOMALY).

Statistic: the mean of 100 samples, smoothed with lambda 0.2, against a centre that is learned from 100 blocks. Means of
blocks, because neighbouring samples are alike (the same prompt, the same topic) and a chart that takes them for
independent alarms all day; what likeness is left between blocks is measured as their lag-1 correlation phi and widens
the limit (EWMA of an AR(1) process: W. Schmid, 1997): sd = s sqrt(l/(2-l) (1 + phi(1-l))/(1 - phi(1-l)) + a/(2-a)),
the last term for the centre's own error.

Threshold: 7 sd. A Gaussian is beyond it in 2.6e-12 of the blocks; with s measured 14 % too low (two standard errors of
100 blocks) it is 6 sd and 2e-9. At 20 samples a second a day has 17,280 blocks: 3e-5 false alarms a GPU and day, below
the 1e-4 that the reference's calibration guide aims at. Its own 3.5 sd are 0.047 % of all samples: 169 an hour at 100 a
second.

Slow change is the workload's: the centre follows it, at most a fiftieth of s a block (at 20 samples a second: s in 250
s), and stands still while there is an alarm. So what alarms is never learned, and a ramp of r s a block is found after
about 2.4 / (r - 0.02) blocks; one slower than the centre is left to `divergence`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median

from sentinel_fleet.sentinel.facts import AnomalyName
from sentinel_fleet.sentinel.monitors.found import Found, Latch

BLOCK = 100
WARM_UP_BLOCKS = 100
WARM_UP = BLOCK * WARM_UP_BLOCKS
"""Samples before anything is said."""
LIMIT_SD = 7.0
_LAMBDA, _CENTRE = 0.2, 0.02
_CLIP_S = 10.0
"""A block counts as no farther away than this: after an anomaly the chart comes back within twenty blocks."""
_OUTLIER = 5.0 * 1.4826
"""In median absolute deviations: blocks of the warm-up beyond it are not learned."""
_MOST_PHI = 0.9
_TELL_AGAIN_BLOCKS = 60


class Drift:
    """Watches one level."""

    def __init__(self, kind: AnomalyName, what: str) -> None:
        self._kind, self._what = kind, what
        self._sum, self._count = 0.0, 0
        self._learned: list[float] = []
        self._centre = self._s = self._sd = self._ewma = 0.0
        self._latch = Latch(_TELL_AGAIN_BLOCKS)

    def push(self, value: float) -> Found | None:
        """Take a finite sample."""
        self._sum += value
        self._count += 1
        if self._count < BLOCK:
            return None
        mean = self._sum / BLOCK
        self._sum, self._count = 0.0, 0
        if self._sd:
            return self._judge(mean)
        self._learn(mean)
        return None

    def _learn(self, mean: float) -> None:
        self._learned.append(mean)
        if len(self._learned) < WARM_UP_BLOCKS:
            return
        middle = median(self._learned)
        spread = median(abs(one - middle) for one in self._learned)
        kept = [one for one in self._learned if abs(one - middle) <= _OUTLIER * spread]
        self._centre = self._ewma = fmean(kept)
        # A level that does not vary at all is held to a thousandth of itself, not to the noise of its arithmetic.
        self._s = max(math.sqrt(fmean((one - self._centre) ** 2 for one in kept)), 1e-3 * abs(self._centre), 1e-6)
        shrunk = _likeness(kept, self._centre) * (1 - _LAMBDA)
        ratio = _LAMBDA / (2 - _LAMBDA) * (1 + shrunk) / (1 - shrunk) + _CENTRE / (2 - _CENTRE)
        self._sd = self._s * math.sqrt(ratio)
        self._learned.clear()

    def _judge(self, mean: float) -> Found | None:
        off = max(-_CLIP_S * self._s, min(_CLIP_S * self._s, mean - self._centre))
        self._ewma += _LAMBDA * (self._centre + off - self._ewma)
        z = (self._ewma - self._centre) / self._sd
        if abs(z) <= LIMIT_SD:
            self._centre += _CENTRE * max(-self._s, min(self._s, off))
        if not self._latch.tells(wrong=abs(z) > LIMIT_SD):
            return None
        told = f"{self._what}: EWMA {self._ewma:.4g}, expected {self._centre:.4g}"
        return Found(self._kind, abs(z), LIMIT_SD, "CRITICAL" if abs(z) > 1.5 * LIMIT_SD else "HIGH", told)


def _likeness(means: Sequence[float], centre: float) -> float:
    """The lag-1 correlation of neighbouring blocks, from 0 to 0.9."""
    off = [one - centre for one in means]
    square = sum(one * one for one in off)
    together = sum(one * other for one, other in zip(off, off[1:], strict=False))
    return min(_MOST_PHI, max(0.0, together / square)) if square else 0.0
