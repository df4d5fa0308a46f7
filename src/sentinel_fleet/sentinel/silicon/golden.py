"""The right answers, from other algorithms than those of `sm`: fractions, `math`, `cryptography`, closed forms."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sentinel_fleet.sentinel.facts import ProbeName
from sentinel_fleet.sentinel.silicon import operands

_EDGE = operands.EDGE


@lru_cache(maxsize=256)
def golden(probe: ProbeName, seed: int) -> bytes:
    """What a sound SM's output is."""
    return _ANSWERS[probe](seed)


def nearest_single(value: Fraction) -> float:
    """The nearest single-precision value, ties to even (as `round` of a fraction does); finite."""
    if value == 0:
        return 0.0
    size = abs(value)
    power = size.numerator.bit_length() - size.denominator.bit_length()
    power -= size < Fraction(2) ** power
    last = Fraction(2) ** max(power - 23, -149)
    return float(round(value / last) * last)


def _fma(seed: int) -> bytes:
    exact = [_value(a) * _value(b) + _value(c) for a, b, c in operands.fma_operands(seed)]
    return struct.pack(f"<{len(exact)}f", *map(nearest_single, exact))


def _value(bits: int) -> Fraction:
    return Fraction(struct.unpack("<f", struct.pack("<I", bits))[0])


def _tensor_core(seed: int) -> bytes:
    given, count = operands.tile(seed), _EDGE * _EDGE
    a, b = (struct.unpack(f"<{count}e", struct.pack(f"<{count}H", *one)) for one in (given.a, given.b))
    exact = (
        math.fsum(a[row * _EDGE + inner] * b[inner * _EDGE + column] for inner in range(_EDGE))
        for row in range(_EDGE)
        for column in range(_EDGE)
    )
    return struct.pack(f"<{count}f", *exact)


def _transcendental(seed: int) -> bytes:
    found = [
        one
        for x in operands.special_operands(seed)
        for one in (math.sin(x), math.cos(x), math.exp(x), math.log(x), 1 / math.sqrt(x))
    ]
    return struct.pack(f"<{len(found)}f", *found)


def _aes(seed: int) -> bytes:
    encryptor = Cipher(algorithms.AES(operands.AES_KEY), modes.ECB()).encryptor()  # noqa: S305 - a known answer
    return encryptor.update(operands.plaintext(seed)) + encryptor.finalize()


def _memory(seed: int) -> bytes:
    zero, one = _pattern_bytes(seed)
    count = operands.WORDS
    return zero * count + one * count + zero * count + one * count + zero * count


def _pattern_bytes(seed: int) -> tuple[bytes, bytes]:
    value = operands.pattern(seed)
    return value.to_bytes(4, "little"), (value ^ operands.MASK).to_bytes(4, "little")


def _register_file(seed: int) -> bytes:
    """Inverted twice, so each value is what it was, two registers on."""
    value, count = operands.pattern(seed), operands.REGISTERS
    origins = ((number - 2) % count for number in range(count))
    return b"".join((value ^ origin * 0x9E3779B9 % 2**32).to_bytes(4, "little") for origin in origins)


def _shared_memory(seed: int) -> bytes:
    value, count = operands.pattern(seed), operands.SHARED_WORDS
    return b"".join((value ^ (thread * 37 + 11) % count).to_bytes(4, "little") for thread in range(count))


_ANSWERS: Mapping[ProbeName, Callable[[int], bytes]] = {
    "FMA": _fma,
    "TENSOR_CORE": _tensor_core,
    "TRANSCENDENTAL": _transcendental,
    "AES": _aes,
    "MEMORY": _memory,
    "REGISTER_FILE": _register_file,
    "SHARED_MEMORY": _shared_memory,
}
