"""Operands from a seed: the NumPy twin of ``cuda/random.cuh``.

Counter-based, not sequential: an operand is a function of its position, so a kernel's thread and the CPU compute the
same one without those before it. The mixing function is SplitMix64's finaliser (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def mix64(values: npt.ArrayLike) -> U64:
    """Every value scrambled, one to one, in arithmetic modulo 2**64."""
    z = np.atleast_1d(np.asarray(values, dtype=np.uint64)) + _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


def draw(seed: int, sets: npt.ArrayLike, lanes: npt.ArrayLike, index: int) -> U64:
    """64 random bits for each set and lane, shape (sets, lanes).

    Args:
        seed: 0 to 2**64 - 1.
        sets: The numbers of the operand sets, one axis, each below 2**32.
        lanes: One axis, each below 2**20; mostly the thread's number in its block.
        index: Which operand, below 2**12.
    """
    position = np.asarray(sets, dtype=np.uint64)[:, None] << np.uint64(32)
    position = position | (np.asarray(lanes, dtype=np.uint64)[None, :] << np.uint64(12)) | np.uint64(index)
    return mix64(np.uint64(seed) ^ mix64(position))


def low_words(values: U64) -> npt.NDArray[np.uint32]:
    """The lower half of each."""
    return (values & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def high_words(values: U64) -> npt.NDArray[np.uint32]:
    """The upper half of each."""
    return (values >> np.uint64(32)).astype(np.uint32)
