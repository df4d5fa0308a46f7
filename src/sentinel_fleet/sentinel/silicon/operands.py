"""What probes compute on, new in every cycle: all from a seed, and chosen so that the right answer is one exact value.

Sizes are those of a reference in software: some hundred operations a probe. A GPU's own probes use more of the same.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

from sentinel_fleet.stable import rng

FMAS, SPECIALS, BLOCKS = 64, 12, 4
EDGE = 8
"""Rows and columns of a matrix tile."""
REGISTERS, WORDS, SHARED_WORDS = 64, 64, 64
MASK = 0xFFFFFFFF
AES_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
"""FIPS 197, appendix A."""
_SMALLEST, _LARGEST, _BIAS = 64, 190, 127
"""Biased exponents of FMA factors: products stay finite."""
_CLOSE = 24
"""Powers of two by which c may lie below the product; never above it, for a large c would hide a wrong product."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Two square matrices of half-precision bits, row by row.

    Values are integers up to 1023 over 64, so that every sum of products is exact in single precision, in whatever
    order an accumulator adds.
    """

    a: tuple[int, ...]
    b: tuple[int, ...]


def fma_operands(seed: int) -> list[tuple[int, int, int]]:
    """Bits of (a, b, c); one in eight of the c is subnormal."""
    luck, found = rng("fma", seed), []
    for number in range(FMAS):
        high, other = luck.randrange(_SMALLEST, _LARGEST), luck.randrange(_SMALLEST, _LARGEST)
        low = max(1, high + other - _BIAS - luck.randrange(1, _CLOSE))
        c = luck.getrandbits(23) if number % 8 == 0 else _float(low, luck)
        found.append((_float(high, luck), _float(other, luck), c))
    return found


def special_operands(seed: int) -> list[float]:
    """Single-precision values from 2^-6 to 8, for functions that need them above zero."""
    luck = rng("special", seed)
    return [luck.randrange(1 << 17, 1 << 26) / (1 << 23) for _ in range(SPECIALS)]


def tile(seed: int) -> Tile:
    """Two matrices."""
    luck = rng("tile", seed)
    drawn = [luck.randrange(-1023, 1024) / 64 for _ in range(2 * EDGE * EDGE)]
    bits = struct.unpack(f"<{len(drawn)}H", struct.pack(f"<{len(drawn)}e", *drawn))
    return Tile(bits[: EDGE * EDGE], bits[EDGE * EDGE :])


def plaintext(seed: int) -> bytes:
    """Blocks for AES-128."""
    return rng("aes", seed).randbytes(16 * BLOCKS)


def pattern(seed: int) -> int:
    """A word for memory and registers; tests use it and its complement, so every bit is both."""
    return rng("pattern", seed).getrandbits(32)


def _float(exponent: int, luck: random.Random) -> int:
    return luck.getrandbits(1) << 31 | exponent << 23 | luck.getrandbits(23)
