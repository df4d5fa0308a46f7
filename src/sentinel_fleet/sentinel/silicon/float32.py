"""IEEE 754 single precision in integers: fused multiply-add with one rounding, to nearest even, subnormals kept.

Written as a multiplier-adder works, on sign, significand and exponent, and never through Python's own floats; the
golden answers come from exact fractions instead.
"""

from __future__ import annotations

import struct

_FRACTION = 23
_HIDDEN = 1 << _FRACTION
_LEAST_EXPONENT = -149
"""Of the last bit of a subnormal."""
_INFINITY = 0x7F800000
_SIGN = 1 << 31
_MOST_EXPONENT = 104
"""Of the last bit of the largest finite value."""


def bits_of(value: float) -> int:
    """The nearest single-precision value's bits."""
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


def value_of(bits: int) -> float:
    """The value of single-precision bits."""
    return float(struct.unpack("<f", struct.pack("<I", bits))[0])


def fma(a: int, b: int, c: int) -> int:
    """a x b + c of finite values, rounded once; all as bits."""
    sign_a, part_a, exponent_a = _taken_apart(a)
    sign_b, part_b, exponent_b = _taken_apart(b)
    sign_c, part_c, exponent_c = _taken_apart(c)
    product, exponent = part_a * part_b * sign_a * sign_b, exponent_a + exponent_b
    least = min(exponent, exponent_c)
    total = (product << (exponent - least)) + ((part_c * sign_c) << (exponent_c - least))
    if total == 0:
        return _SIGN if sign_a * sign_b < 0 and sign_c < 0 else 0
    return rounded(total, least)


def rounded(significand: int, exponent: int) -> int:
    """Bits of significand x 2^exponent, to nearest even; `significand` is not zero."""
    sign, part = (_SIGN, -significand) if significand < 0 else (0, significand)
    last = max(part.bit_length() - _FRACTION - 1 + exponent, _LEAST_EXPONENT)
    shift = last - exponent
    if shift <= 0:
        part <<= -shift
    else:
        half, rest = 1 << (shift - 1), part & ((1 << shift) - 1)
        part >>= shift
        part += rest > half or (rest == half and part & 1)
    if part >> (_FRACTION + 1):
        part, last = part >> 1, last + 1
    if last > _MOST_EXPONENT:
        return sign | _INFINITY
    if part < _HIDDEN:
        return sign | part
    return sign | ((last - _LEAST_EXPONENT + 1) << _FRACTION) | (part - _HIDDEN)


def _taken_apart(bits: int) -> tuple[int, int, int]:
    """Sign (1 or -1), significand, and the exponent of its last bit."""
    exponent, part = (bits >> _FRACTION) & 0xFF, bits & (_HIDDEN - 1)
    sign = -1 if bits & _SIGN else 1
    return (sign, part | _HIDDEN, exponent - 150) if exponent else (sign, part, _LEAST_EXPONENT)
