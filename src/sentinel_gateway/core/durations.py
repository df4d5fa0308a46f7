"""How long things take, counted by how long they took: what a histogram of the metrics shows."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper ends of the buckets; the last one has none."""


class Durations:
    """Grows only."""

    def __init__(self, clock_s: Callable[[], float] = time.perf_counter) -> None:
        self._clock_s = clock_s
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Count what happens within, also where it fails."""
        began_s = self._clock_s()
        try:
            yield
        finally:
            self.add(self._clock_s() - began_s)

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """How many took no longer than each bound, as Prometheus writes them."""
        names = [*(f"{bound:g}" for bound in BOUNDS_S), "+Inf"]
        return list(zip(names, map(float, accumulate(self._counts)), strict=True))
