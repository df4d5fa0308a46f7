"""Functions of a range vector: one window of samples in, one value or nothing out.

The arithmetic is Prometheus 3's: windows are open on the left, `rate` and its kin extrapolate to the window's borders
only where the samples reach close enough to them, and counters never extrapolate below zero.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sentinel_fleet.prom import numbers

_CLOSE_ENOUGH = 1.1
"""A border is reached when it lies within 110 % of the average distance between samples."""


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of one series in (start, end], never empty; times in epoch milliseconds."""

    times: Sequence[int]
    values: Sequence[float]
    start_ms: int
    end_ms: int
    now_ms: int
    """The evaluation time, which differs from `end_ms` under `offset` and `@`."""
    parameter: float = math.nan
    """The function's scalar argument, where it has one."""


WindowFunction = Callable[[Window], float | None]


def _extrapolated(window: Window, *, counter: bool, per_second: bool) -> float | None:
    values, times = window.values, window.times
    if len(values) < 2:
        return None
    change = values[-1] - values[0]
    if counter:
        for before, after in pairwise(values):
            change += before if after < before else 0.0
    sampled_s = (times[-1] - times[0]) / 1000
    spacing_s = sampled_s / (len(values) - 1)
    to_start_s = _reach((times[0] - window.start_ms) / 1000, spacing_s)
    to_end_s = _reach((window.end_ms - times[-1]) / 1000, spacing_s)
    if counter and change > 0 and values[0] >= 0:
        to_start_s = min(to_start_s, sampled_s * (values[0] / change))
    factor = (sampled_s + to_start_s + to_end_s) / sampled_s
    if per_second:
        factor /= (window.end_ms - window.start_ms) / 1000
    return change * factor


def _reach(distance_s: float, spacing_s: float) -> float:
    return distance_s if distance_s < spacing_s * _CLOSE_ENOUGH else spacing_s / 2


def _rate(window: Window) -> float | None:
    return _extrapolated(window, counter=True, per_second=True)


def _increase(window: Window) -> float | None:
    return _extrapolated(window, counter=True, per_second=False)


def _delta(window: Window) -> float | None:
    return _extrapolated(window, counter=False, per_second=False)


def _irate(window: Window) -> float | None:
    if len(window.values) < 2:
        return None
    before, after = window.values[-2:]
    change = after if after < before else after - before
    return change / ((window.times[-1] - window.times[-2]) / 1000)


def _idelta(window: Window) -> float | None:
    return window.values[-1] - window.values[-2] if len(window.values) >= 2 else None


def _changes(window: Window) -> float:
    def differs(before: float, after: float) -> bool:
        return before != after and not (math.isnan(before) and math.isnan(after))

    return float(sum(differs(before, after) for before, after in pairwise(window.values)))


def _resets(window: Window) -> float:
    return float(sum(after < before for before, after in pairwise(window.values)))


def _regression(window: Window, intercept_ms: int) -> tuple[float, float]:
    """Least squares: slope per second and value at `intercept_ms`."""
    first = window.values[0]
    if all(value == first for value in window.values[1:]):
        return (math.nan, math.nan) if math.isinf(first) else (0.0, first)
    count = float(len(window.values))
    xs = [(time - intercept_ms) / 1000 for time in window.times]
    ys = window.values
    sum_x, sum_y = numbers.total(xs), numbers.total(ys)
    sum_xy = numbers.total(x * y for x, y in zip(xs, ys, strict=True))
    sum_xx = numbers.total(x * x for x in xs)
    covariance = sum_xy - sum_x * sum_y / count
    variance = sum_xx - sum_x * sum_x / count
    slope = numbers.divide(covariance, variance)
    return slope, sum_y / count - slope * sum_x / count


def _deriv(window: Window) -> float | None:
    return _regression(window, window.times[0])[0] if len(window.values) >= 2 else None


def _predict_linear(window: Window) -> float | None:
    if len(window.values) < 2:
        return None
    slope, intercept = _regression(window, window.now_ms)
    return slope * window.parameter + intercept


def _variance(window: Window) -> float:
    count = average = average_rest = spread = spread_rest = 0.0
    for value in window.values:
        count += 1
        delta = value - (average + average_rest)
        average, average_rest = numbers.kahan(delta / count, average, average_rest)
        spread, spread_rest = numbers.kahan(delta * (value - (average + average_rest)), spread, spread_rest)
    return (spread + spread_rest) / count


def _extreme(window: Window, better: Callable[[float, float], bool]) -> float:
    best = window.values[0]
    for value in window.values:
        if better(value, best) or math.isnan(best):
            best = value
    return best


WINDOW_FUNCTIONS: dict[str, WindowFunction] = {
    "rate": _rate,
    "increase": _increase,
    "delta": _delta,
    "irate": _irate,
    "idelta": _idelta,
    "changes": _changes,
    "resets": _resets,
    "deriv": _deriv,
    "predict_linear": _predict_linear,
    "avg_over_time": lambda window: numbers.mean(list(window.values)),
    "min_over_time": lambda window: _extreme(window, lambda value, best: value < best),
    "max_over_time": lambda window: _extreme(window, lambda value, best: value > best),
    "sum_over_time": lambda window: numbers.total(window.values),
    "count_over_time": lambda window: float(len(window.values)),
    "stddev_over_time": lambda window: numbers.square_root(_variance(window)),
    "stdvar_over_time": _variance,
    "quantile_over_time": lambda window: numbers.quantile(window.parameter, window.values),
    "last_over_time": lambda window: window.values[-1],
    "present_over_time": lambda _: 1.0,
    "absent_over_time": lambda _: 1.0,
}
"""`absent_over_time` marks presence here; the evaluator turns it round."""
