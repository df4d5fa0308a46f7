"""Everything random in a world, drawn from text: the same parts give the same numbers in every process and version.

Python's own `hash()` differs from run to run, so seeds come from BLAKE2. Sample noise is asked for millions of times;
it uses an integer mixer (splitmix64) instead of a generator object, because a sample must be computable alone.
"""

from __future__ import annotations

import random
from functools import lru_cache
from hashlib import blake2b

_MASK = 0xFFFFFFFFFFFFFFFF
_GOLDEN = 0x9E3779B97F4A7C15
_SAFE_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def seed64(*parts: object) -> int:
    """A 64-bit number that depends on the parts' text alone."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def rng(*parts: object) -> random.Random:
    """A generator seeded by the parts' text."""
    return random.Random(seed64(*parts))  # noqa: S311 - repeatable noise, nothing secret is drawn


def unit(seed: int, k: int) -> float:
    """A number in [0, 1) for position `k` of the stream `seed`."""
    x = (seed + k * _GOLDEN) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return (x ^ (x >> 31)) / 18446744073709551616.0


def jitter(seed: int, k: int) -> float:
    """A number in [-1, 1) for position `k` of the stream `seed`."""
    return 2.0 * unit(seed, k) - 1.0


_knot = lru_cache(maxsize=8192)(jitter)
"""Values that `drift` draws lines between: many samples lie between two of them."""


def drift(seed: int, t: float, period_s: float) -> float:
    """A number in [-1, 1) that wanders slowly with time: straight lines between one value per period."""
    knot, part = divmod(t / period_s, 1.0)
    left = _knot(seed, int(knot))
    return left + (_knot(seed, int(knot) + 1) - left) * part


def stable_uuid(*parts: object) -> str:
    """A version-4 shaped UUID that depends on the parts alone."""
    text = "\x1f".join(map(str, parts))
    drawn = blake2b(text.encode(), digest_size=16).hexdigest()
    variant = "89ab"[int(drawn[16], 16) & 3]
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-{variant}{drawn[17:20]}-{drawn[20:]}"


def suffix(length: int, *parts: object) -> str:
    """Letters and digits as Kubernetes appends them to generated names."""
    number = seed64("suffix", *parts)
    letters = []
    for _ in range(length):
        number, index = divmod(number, len(_SAFE_LETTERS))
        letters.append(_SAFE_LETTERS[index])
    return "".join(letters)
