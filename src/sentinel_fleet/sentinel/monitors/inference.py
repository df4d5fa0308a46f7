"""The monitor of one replica on one GPU: what a sampled answer's logits say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import mul

from sentinel_fleet.sentinel.monitors.divergence import Divergence
from sentinel_fleet.sentinel.monitors.drift import WARM_UP, Drift
from sentinel_fleet.sentinel.monitors.found import Found, Latch

__all__ = ["WARM_UP", "InferenceMonitor"]

_HISTOGRAM_VALUES = 4
"""Logits of each sample that enter the histogram, spread over the vocabulary."""
_TELL_AGAIN = 6000
_LEAST_VARIANCE = 1e-12


class InferenceMonitor:
    """Takes logits in the order in which they were computed; `model` is named in what it finds."""

    def __init__(self, model: str = "") -> None:
        self._model = model
        self._mean = Drift("LOGIT_DRIFT", "mean of logits")
        self._spread = Drift("LOGIT_DRIFT", "logarithm of the logits' variance")
        self._entropy = Drift("ENTROPY_ANOMALY", "entropy of the answer, nats")
        self._shape = Divergence()
        self._broken = Latch(_TELL_AGAIN)

    def push(self, logits: Sequence[float]) -> list[Found]:
        """What one sample completes; two logits at least."""
        total = sum(logits)
        broken = not math.isfinite(total)
        if self._broken.tells(wrong=broken):
            return [replace(_broken(logits), model=self._model)]
        return [] if broken else [replace(one, model=self._model) for one in self._judged(logits, total)]

    def _judged(self, logits: Sequence[float], total: float) -> Iterator[Found]:
        count = len(logits)
        mean = total / count
        variance = max(sum(map(mul, logits, logits)) / count - mean * mean, _LEAST_VARIANCE)
        found = (
            self._mean.push(mean),
            self._spread.push(math.log(variance)),
            self._entropy.push(_entropy(logits)),
            self._shape.push(logits[:: max(1, count // _HISTOGRAM_VALUES)][:_HISTOGRAM_VALUES]),
        )
        return (one for one in found if one is not None)


def _entropy(logits: Sequence[float]) -> float:
    """Of the softmax, in nats: ln Z - E[x] with x counted from the largest logit."""
    most = max(logits)
    off = [one - most for one in logits]
    weights = list(map(math.exp, off))
    total = sum(weights)
    expected: float = sum(map(mul, weights, off)) / total
    return math.log(total) - expected


def _broken(logits: Sequence[float]) -> Found:
    count = sum(not math.isfinite(one) for one in logits)
    return Found("INVARIANT_VIOLATION", float(count), 0.0, "CRITICAL", f"{count} of {len(logits)} logits not finite")
