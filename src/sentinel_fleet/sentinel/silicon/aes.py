"""AES-128 of single blocks in tables and field arithmetic, as an integer unit does it (FIPS 197). For probes only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

_ROUNDS = 10


def encrypted(key: bytes, plain: bytes) -> bytes:
    """Whole blocks, each for itself (ECB)."""
    keys = _round_keys(key)
    return b"".join(_block(keys, plain[first : first + 16]) for first in range(0, len(plain), 16))


def _block(keys: Sequence[bytes], block: bytes) -> bytes:
    box = _box()
    state = _mixed_in(block, keys[0])
    for number in range(1, _ROUNDS + 1):
        state = bytes(box[state[(place + 4 * (place % 4)) % 16]] for place in range(16))
        if number < _ROUNDS:
            state = b"".join(_column(state[first : first + 4]) for first in range(0, 16, 4))
        state = _mixed_in(state, keys[number])
    return state


def _column(column: bytes) -> bytes:
    total = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(one ^ total ^ _doubled(one ^ column[(place + 1) % 4]) for place, one in enumerate(column))


def _doubled(one: int) -> int:
    return (one << 1) ^ (0x11B if one & 0x80 else 0)


def _mixed_in(state: bytes, key: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(state, key, strict=True))


@lru_cache(maxsize=4)
def _round_keys(key: bytes) -> tuple[bytes, ...]:
    box, constant = _box(), 1
    words = [key[first : first + 4] for first in range(0, 16, 4)]
    while len(words) < 4 * (_ROUNDS + 1):
        word = words[-1]
        if len(words) % 4 == 0:
            turned = bytes(box[one] for one in word[1:] + word[:1])
            word = bytes([turned[0] ^ constant]) + turned[1:]
            constant = _doubled(constant)
        words.append(_mixed_in(words[-4], word))
    return tuple(b"".join(words[first : first + 4]) for first in range(0, len(words), 4))


@lru_cache(maxsize=1)
def _box() -> bytes:
    """Inverse in GF(2^8), then the affine map; walked with a generator and its inverse."""
    box = bytearray(256)
    one = inverse = 1
    while True:
        one ^= _doubled(one)
        inverse ^= inverse << 1
        inverse ^= inverse << 2
        inverse ^= inverse << 4
        inverse &= 0xFF
        inverse ^= 0x09 if inverse & 0x80 else 0
        turned = inverse | inverse << 8
        box[one] = (turned ^ turned >> 7 ^ turned >> 6 ^ turned >> 5 ^ turned >> 4) & 0xFF ^ 0x63
        if one == 1:
            break
    box[0] = 0x63
    return bytes(box)
