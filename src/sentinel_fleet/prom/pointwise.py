"""Functions of a single value: what they do to each sample of an instant vector.

The second argument holds the function's scalar arguments at that step. None means that the sample disappears.
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sentinel_fleet.prom import numbers

PointFunction = Callable[[float, Sequence[float]], float | None]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _maximum(left: float, right: float) -> float:
    if math.inf in (left, right):
        return math.inf
    return math.nan if math.isnan(left) or math.isnan(right) else max(left, right)


def _minimum(left: float, right: float) -> float:
    if -math.inf in (left, right):
        return -math.inf
    return math.nan if math.isnan(left) or math.isnan(right) else min(left, right)


def _clamped(value: float, lowest: float, highest: float) -> float | None:
    if highest < lowest:
        return None
    return _maximum(lowest, _minimum(highest, value))


def _round(value: float, arguments: Sequence[float]) -> float:
    inverse = numbers.divide(1.0, arguments[0]) if arguments else 1.0
    return numbers.divide(numbers.floor(value * inverse + 0.5), inverse)


def _sign(value: float) -> float:
    if value == 0 or math.isnan(value):
        return value
    return math.copysign(1.0, value)


def _plain(function: Callable[[float], float]) -> PointFunction:
    return lambda value, _: function(value)


def _date(part: Callable[[datetime], int]) -> PointFunction:
    def of_timestamp(value: float, _: Sequence[float]) -> float:
        try:
            return float(part(_EPOCH + timedelta(seconds=int(value))))
        except (ValueError, OverflowError):
            return math.nan

    return of_timestamp


def _days_in_month(moment: datetime) -> int:
    late = moment.replace(day=28) + timedelta(days=4)
    return (late - timedelta(days=late.day)).day


POINT_FUNCTIONS: dict[str, PointFunction] = {
    "abs": _plain(abs),
    "ceil": _plain(numbers.ceil),
    "floor": _plain(numbers.floor),
    "round": _round,
    "sgn": _plain(_sign),
    "sqrt": _plain(numbers.square_root),
    "exp": _plain(numbers.exponential),
    "ln": _plain(numbers.logarithm(math.log)),
    "log2": _plain(numbers.logarithm(math.log2)),
    "log10": _plain(numbers.logarithm(math.log10)),
    "clamp": lambda value, arguments: _clamped(value, arguments[0], arguments[1]),
    "clamp_min": lambda value, arguments: _clamped(value, arguments[0], math.inf),
    "clamp_max": lambda value, arguments: _clamped(value, -math.inf, arguments[0]),
}

DATE_FUNCTIONS: dict[str, PointFunction] = {
    "minute": _date(lambda moment: moment.minute),
    "hour": _date(lambda moment: moment.hour),
    "day_of_week": _date(lambda moment: moment.isoweekday() % 7),
    "day_of_month": _date(lambda moment: moment.day),
    "day_of_year": _date(lambda moment: moment.timetuple().tm_yday),
    "days_in_month": _date(_days_in_month),
    "month": _date(lambda moment: moment.month),
    "year": _date(lambda moment: moment.year),
}
"""Parts of the UTC date a sample's value stands for; without an argument, of the evaluation time."""
