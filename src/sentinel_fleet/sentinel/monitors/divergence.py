"""A distribution that changed its shape: KL divergence of a window's histogram from the model's own (KL_DIVERGENCE).

Reference: 8,000 values (four logits of each of 2,000 samples), cut into 16 bins of equal share. Then each window of 250
samples, 1,000 values: KL = sum q ln(q / p) in nats, with half a count added to every bin.

Threshold: 0.3 nats, the documented warning of the reference's calibration (0.8 high, 1.5 critical). For independent
values 2 n KL follows chi-square with 15 degrees of freedom, so healthy windows lie around 0.0075 nats. Values of one
sample are alike: with a design effect of 8 the window is worth 125 values, and chi-square beyond 75 has a chance of
6e-10. A day at 20 samples a second has 6,912 windows: 4e-6 false alarms a GPU and day. The reference stays as it was
learned, so this finds the slow ramps that `drift` follows: 0.3 nats are a mean that moved by 0.77 standard deviations.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from sentinel_fleet.sentinel.facts import SeverityName
from sentinel_fleet.sentinel.monitors.found import Found, Latch

REFERENCE_VALUES, WINDOW_VALUES = 8000, 1000
BINS = 16
LIMIT_NATS = 0.3
_HIGH_NATS, _CRITICAL_NATS = 0.8, 1.5
_TELL_AGAIN_WINDOWS = 24


class Divergence:
    """Watches one distribution."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._cuts: list[float] = []
        self._reference: list[float] = []
        self._latch = Latch(_TELL_AGAIN_WINDOWS)

    def push(self, values: Sequence[float]) -> Found | None:
        """Take some finite values of one sample."""
        self._values += values
        if len(self._values) < (WINDOW_VALUES if self._cuts else REFERENCE_VALUES):
            return None
        values, self._values = self._values, []
        if self._cuts:
            return self._judge(_shares(values, self._cuts))
        self._learn(values)
        return None

    def _learn(self, values: list[float]) -> None:
        ordered = sorted(values)
        self._cuts = [ordered[len(ordered) * number // BINS] for number in range(1, BINS)]
        self._reference = _shares(ordered, self._cuts)

    def _judge(self, shares: Sequence[float]) -> Found | None:
        nats = sum(q * math.log(q / p) for q, p in zip(shares, self._reference, strict=True))
        if not self._latch.tells(wrong=nats > LIMIT_NATS):
            return None
        severity: SeverityName = "WARNING" if nats < _HIGH_NATS else "HIGH" if nats < _CRITICAL_NATS else "CRITICAL"
        return Found("KL_DIVERGENCE", nats, LIMIT_NATS, severity, "logits against the model's own histogram, nats")


def _shares(values: Sequence[float], cuts: Sequence[float]) -> list[float]:
    counts = [0.5] * (len(cuts) + 1)
    for value in values:
        counts[bisect_right(cuts, value)] += 1
    total = sum(counts)
    return [count / total for count in counts]
