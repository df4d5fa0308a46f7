"""March C- over storage that belongs to an SM, as the twins of its kernels see it: registers and shared memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.counter_random import draw, low_words
from sentinel_node.probes.memory_march import MARCH_C_MINUS, PATTERNS
from sentinel_node.probes.record import Words
from sentinel_node.probes.silicon import Silicon

BACKGROUNDS = len(PATTERNS) + 2
"""Set s has background s modulo this: the patterns, own address, random."""
ADDRESS, RANDOM = len(PATTERNS), len(PATTERNS) + 1


def output(background: Words, unit: str, silicon: Silicon) -> Words:
    """What the kernel leaves: the background, but for the bits that any read found wrong.

    Args:
        background: Shape (sets, cells of a thread, threads).
        unit: Which storage, by the names at `Silicon.result`.
        silicon: The SM.

    Returns:
        Shape (sets, cells of a thread * threads).
    """
    wrong = np.zeros_like(background)
    operations = (operation for element in MARCH_C_MINUS.elements for operation in element.operations)
    for operation in operations:
        if operation.is_read:
            stored = ~background if operation.value else background
            wrong |= silicon.result(unit, stored) ^ stored
    return (background ^ wrong).reshape(len(background), -1)


def random_words(seed: int, sets: npt.NDArray[np.uint64], count: int) -> Words:
    """The random background of each set, shape (sets, count)."""
    return low_words(draw(seed, sets, np.arange(count, dtype=np.uint64), 0))
