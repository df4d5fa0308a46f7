"""Axes: round steps, tick positions and short labels, for numbers and time (UTC). Pure arithmetic for the drawings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_TIME_STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
    86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000,
)  # fmt: skip
_ZERO = 1e-200
"""No figure of ours is smaller and not zero; steps between such would be below what a float can hold."""
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values to pixels."""

    low: float
    high: float
    start_px: float
    end_px: float

    def __call__(self, value: float) -> float:
        """The pixel of `value`; values outside are moved to the nearer end."""
        share = (value - self.low) / (self.high - self.low)
        return self.start_px + min(1.0, max(0.0, share)) * (self.end_px - self.start_px)


def number_range(values: Sequence[float]) -> tuple[float, float]:
    """Low and high end of an axis for `values`: from zero where that costs little, padded where they are all alike."""
    low, high = min(values), max(values)
    largest = max(abs(low), abs(high))
    if largest < _ZERO or high - low <= largest * 1e-12:
        pad = abs(low) * 0.1 if largest >= _ZERO else 1.0
        return (0.0, high + pad) if low >= 0 else (low - pad, max(0.0, high))
    if 0 <= low < high * 0.6:
        return 0.0, high
    return low, high


def number_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round values from at or below `low` to at or above `high`, about `count` steps."""
    step = _round_step((high - low) / count)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)


def number_label(value: float) -> str:
    """``0``, ``0.25``, ``88``, ``1.4k``, ``2.9M``."""
    size = abs(value)
    for unit, prefix in _PREFIXES:
        if size >= unit:
            return f"{value / unit:.4g}{prefix}"
    return f"{value:.4g}" if size >= 1e-4 or value == 0 else f"{value:.1e}"


def figure(value: float) -> str:
    """A value to be read rather than to mark an axis: ``2679``, ``675.9``, ``1.32e+12``."""
    return f"{value:.7g}" if abs(value) < 1e7 else f"{value:.4g}"


def time_ticks(start_s: float, end_s: float, count: int = 6) -> list[float]:
    """Round points in time between two ends (epoch seconds), at most `count` of them."""
    step = time_step(start_s, end_s, count)
    first = math.ceil(start_s / step)
    return [index * step for index in range(first, math.floor(end_s / step) + 1)]


def time_step(start_s: float, end_s: float, count: int = 6) -> int:
    """Seconds between the ticks of that axis."""
    rough = (end_s - start_s) / count
    return next((step for step in _TIME_STEPS_S if step >= rough), _TIME_STEPS_S[-1])


def time_label(step_s: int) -> Callable[[float], str]:
    """How ticks `step_s` seconds apart are written."""
    pattern = "%H:%M:%S" if step_s < 60 else "%H:%M" if step_s < 43200 else "%b %d"
    return lambda at: datetime.fromtimestamp(at, UTC).strftime(pattern)
