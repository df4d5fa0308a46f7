"""What a block leaves behind about its SM: the twin of ``struct SmRecord`` in ``cuda/pinning.cuh``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.counter_random import mix64

RECORD = np.dtype(
    [
        ("claimed", "<u4"),
        ("smid_after", "<u4"),
        ("mismatches", "<u4"),
        ("first_index", "<u4"),
        ("expected", "<u4"),
        ("actual", "<u4"),
        ("or_of_xor", "<u4"),
        ("first_repetition", "<u4"),
        ("checksum", "<u8"),
        ("cycles", "<u8"),
        ("repetitions", "<u8"),
        ("first_address", "<u8"),
    ]
)
"""64 bytes, little endian; all zero where no block ran. What each field means stands at the CUDA struct."""

Words = npt.NDArray[np.uint32]


def slots_for(sm_count: int) -> int:
    """How many records to lay out: `%smid` values need not be contiguous, so there is room for twice as many."""
    return max(256, 2 * sm_count)


def checksum(words: Words, first_position: int = 0) -> int:
    """The order-independent checksum of consecutive words, modulo 2**64.

    Args:
        words: As they stand in the output.
        first_position: The index of the first among all sets.
    """
    flat = words.reshape(-1).astype(np.uint64)
    positions = np.arange(first_position, first_position + flat.size, dtype=np.uint64) << np.uint64(32)
    return int(mix64(positions | flat).sum(dtype=np.uint64))
