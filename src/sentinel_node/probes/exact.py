"""Fused multiply-add with its single rounding, in NumPy, which has none: a*b + c rounded once, to nearest even.

Both widths add exactly what they can and round the rest *to odd* before the last rounding, which then cannot be wrong
by double rounding (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.record import Words

F64 = npt.NDArray[np.float64]

_SPLITTER = 134217729.0
"""2**27 + 1: splits a double into two halves whose products are exact (Dekker 1971)."""


def fma_fp32(a: Words, b: Words, c: Words) -> Words:
    """a*b + c of float32 bit patterns, denormals kept, overflow to infinity; no operand may be infinite or NaN."""
    with np.errstate(over="ignore", under="ignore"):
        product = a.view(np.float32).astype(np.float64) * b.view(np.float32).astype(np.float64)
        total = _add_to_odd(product, c.view(np.float32).astype(np.float64))
        return total.astype(np.float32).view(np.uint32)


def fma_fp64(a: F64, b: F64, c: F64) -> F64:
    """a*b + c of doubles whose exponents, and those of the result, lie within 2**-400 to 2**400."""
    high, low = _two_product(a, b)
    tail_high, tail_low = _two_sum(c, low)
    sum_high, sum_low = _two_sum(high, tail_high)
    return sum_high + _add_to_odd(sum_low, tail_low)


def _add_to_odd(x: F64, y: F64) -> F64:
    total, error = _two_sum(x, y)
    bits = total.view(np.int64)
    is_even = (error != 0) & (bits & 1 == 0)
    # The odd neighbour lies towards the error: away from zero where both have the same sign.
    step = np.where((error > 0) == (total > 0), 1, -1)
    return np.where(is_even, bits + step, bits).view(np.float64)


def _two_sum(x: F64, y: F64) -> tuple[F64, F64]:
    total = x + y
    y_part = total - x
    return total, (x - (total - y_part)) + (y - y_part)


def _two_product(a: F64, b: F64) -> tuple[F64, F64]:
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _split(a: F64) -> tuple[F64, F64]:
    scaled = _SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high
