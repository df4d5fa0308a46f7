"""Sine, cosine, exponential, logarithm and reciprocal root in fixed point with 128 fractional bits.

The error is below 2^-100, so rounding to single precision gives the correctly rounded value, as `math` (another
algorithm, in double precision) does for all but about one argument in 10^8.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sentinel_fleet.sentinel.silicon.float32 import rounded

_FRACTION = 128
_ONE = 1 << _FRACTION
_TERMS = 80


def _fixed(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator * _ONE // denominator


def _series(x: int, first: int, term: int, sign: int) -> int:
    """term + sign x^2 term / ((first + 1)(first + 2)) + ... : sine and cosine."""
    total, square = term, x * x >> _FRACTION
    for number in range(first + 1, first + _TERMS, 2):
        term = sign * (term * square >> _FRACTION) // (number * (number + 1))
        total += term
    return total


def _exponential(x: int) -> int:
    """(e^(x / 16))^16, so that few terms do."""
    part, total, term = x >> 4, _ONE, _ONE
    for number in range(1, _TERMS):
        term = (term * part >> _FRACTION) // number
        total += term
    for _ in range(4):
        total = total * total >> _FRACTION
    return total


def _logarithm(x: int) -> int:
    """2^k m with m near one; 2 atanh((m - 1) / (m + 1)), and ln 2 in the same way."""
    power = x.bit_length() - 1 - _FRACTION
    part = x >> power if power >= 0 else x << -power
    return _of_ratio(part) + power * _of_ratio(2 * _ONE)


def _of_ratio(part: int) -> int:
    ratio = ((part - _ONE) << _FRACTION) // (part + _ONE)
    square, total, term = ratio * ratio >> _FRACTION, 0, ratio
    for number in range(1, 2 * _TERMS, 2):
        total += term // number
        term = term * square >> _FRACTION
    return 2 * total


def _reciprocal_root(x: int) -> int:
    return math.isqrt((_ONE * _ONE * _ONE) // x)


_FUNCTIONS: tuple[Callable[[int], int], ...] = (
    lambda x: _series(x, 1, x, -1),
    lambda x: _series(x, 0, _ONE, -1),
    _exponential,
    _logarithm,
    _reciprocal_root,
)


def specials(value: float) -> list[int]:
    """Bits of sin, cos, exp, ln and 1/sqrt of a value from 2^-6 to 8."""
    x = _fixed(value)
    results = (function(x) for function in _FUNCTIONS)
    return [rounded(one, -_FRACTION) if one else 0 for one in results]
