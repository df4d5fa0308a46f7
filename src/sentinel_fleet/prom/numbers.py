"""Floating-point arithmetic and text as Go does them, because Prometheus' answers depend on both.

Where Python raises (division by zero, logarithm of zero, overflow) IEEE 754 has an answer and Prometheus gives it;
where Python's `repr` and Go's `strconv` differ, clients see Go's form.
"""

import math
from collections.abc import Callable, Iterable
from decimal import Decimal

_EXPONENT_BELOW = 1e-6
_EXPONENT_FROM = 1e21
_GENERAL_EXPONENT_FROM = 6


def format_sample(value: float) -> str:
    """A sample value as the query API writes it: plain digits, an exponent only below 1e-6 and from 1e21."""
    text = repr(value)
    if "e" not in text and "n" not in text:  # nearly all: neither an exponent, nor nan, nor inf
        return text.removesuffix(".0")
    magnitude = abs(value)
    if magnitude != 0 and math.isfinite(value) and not _EXPONENT_BELOW <= magnitude < _EXPONENT_FROM:
        return _scientific(value)
    return format_plain(value)


def format_plain(value: float) -> str:
    """Go's `FormatFloat(value, 'f', -1, 64)`: the shortest digits that read back, never an exponent."""
    special = _special(value)
    if special is not None:
        return special
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def format_general(value: float) -> str:
    """Go's `FormatFloat(value, 'g', -1, 64)`, the form of the Prometheus text exposition format."""
    special = _special(value)
    if special is not None:
        return special
    exponent = Decimal(repr(value)).adjusted() if value else 0
    if exponent < -4 or exponent >= _GENERAL_EXPONENT_FROM:
        return _scientific(value)
    return format_plain(value)


def parse_float(text: str) -> float | None:
    """A float as Go's `ParseFloat` reads it ("+Inf", "NaN", "1e3"); None where it would refuse."""
    if not text or text != text.strip() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _special(value: float) -> str | None:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return None


def _scientific(value: float) -> str:
    digits = Decimal(repr(value)).normalize()
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    figures = "".join(map(str, digits.as_tuple().digits))
    mantissa = figures if len(figures) == 1 else f"{figures[0]}.{figures[1:]}"
    exponent = digits.adjusted()
    return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def divide(left: float, right: float) -> float:
    """IEEE division: x/0 is an infinity, 0/0 is NaN."""
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def modulo(left: float, right: float) -> float:
    """Go's `math.Mod`: the sign is the dividend's."""
    if right == 0 or math.isinf(left):
        return math.nan
    return math.fmod(left, right)


def power(base: float, exponent: float) -> float:
    """Go's `math.Pow`."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        odd = math.fmod(exponent, 2.0) in (1.0, -1.0)
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:
        if base != 0:
            return math.nan
        odd = math.fmod(exponent, 2.0) in (1.0, -1.0)
        return math.copysign(math.inf, base) if odd else math.inf


def exponential(value: float) -> float:
    """e to the power of value, an infinity on overflow."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    """A logarithm that answers -Inf at zero and NaN below, instead of raising."""

    def total(value: float) -> float:
        if value > 0:
            return function(value)
        return -math.inf if value == 0 else math.nan

    return total


def square_root(value: float) -> float:
    """The square root, NaN below zero."""
    return math.sqrt(value) if not value < 0 else math.nan


def floor(value: float) -> float:
    """The largest whole number not above value; infinities, NaN and -0 stay."""
    return math.copysign(float(math.floor(value)), value) if _rounds(value) else value


def ceil(value: float) -> float:
    """The smallest whole number not below value; infinities, NaN and -0 stay."""
    return math.copysign(float(math.ceil(value)), value) if _rounds(value) else value


def _rounds(value: float) -> bool:
    return math.isfinite(value) and value != 0


def kahan(increment: float, total: float, compensation: float) -> tuple[float, float]:
    """One step of Neumaier's compensated summation: the new total and compensation."""
    added = total + increment
    if math.isinf(added):
        return added, 0.0
    if abs(total) >= abs(increment):
        return added, compensation + ((total - added) + increment)
    return added, compensation + ((increment - added) + total)


def total(values: Iterable[float]) -> float:
    """The compensated sum."""
    running = compensation = 0.0
    for value in values:
        running, compensation = kahan(value, running, compensation)
    return running if math.isinf(running) else running + compensation


def mean(values: list[float]) -> float:
    """The compensated mean; switches to incremental means where the sum would overflow."""
    running, compensation, average = values[0], 0.0, 0.0
    incremental = False
    for count, value in enumerate(values[1:], start=2):
        if not incremental:
            grown, grown_compensation = kahan(value, running, compensation)
            if not math.isinf(grown):
                running, compensation = grown, grown_compensation
                continue
            incremental = True
            average = running / (count - 1)
            compensation /= count - 1
        share = (count - 1) / count
        average, compensation = kahan(value / count, share * average, share * compensation)
    if incremental:
        return average + compensation
    return running / len(values) + compensation / len(values)


def quantile(q: float, values: Iterable[float]) -> float:
    """The q-quantile with linear interpolation; NaN sorts first, q outside 0..1 gives an infinity."""
    ordered = sorted(values, key=lambda value: (not math.isnan(value), value))
    if not ordered or math.isnan(q):
        return math.nan
    if not 0 <= q <= 1:
        return -math.inf if q < 0 else math.inf
    rank = q * (len(ordered) - 1)
    lower = max(0, math.floor(rank))
    upper = min(len(ordered) - 1, lower + 1)
    weight = rank - math.floor(rank)
    return ordered[lower] * (1 - weight) + ordered[upper] * weight
