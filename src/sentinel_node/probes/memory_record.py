"""What the memory kernels leave behind: the twin of ``struct MemoryRecord`` in ``cuda/memory.cu``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentinel_node.domain.probes import Mismatch

ENTRIES = 16
"""Mismatches kept with their addresses; the rest is counted."""
ENTRY = np.dtype(
    [("address", "<u8"), ("expected", "<u4"), ("actual", "<u4"), ("operation", "<u4"), ("reserved", "<u4")]
)
MEMORY_RECORD = np.dtype(
    [
        ("words", "<u8"),
        ("mismatches", "<u4"),
        ("or_of_xor", "<u4"),
        ("claimed", "<u4"),
        ("reserved", "<u4", 3),
        ("entries", ENTRY, ENTRIES),
    ]
)
"""416 bytes, little endian; all zero at the start."""


@dataclass(frozen=True, slots=True)
class WrongWord:
    """One read that did not find what was written."""

    address: int
    """In the GPU's virtual memory."""
    expected: int
    actual: int
    operation: int
    """The number of the launch, counted over the whole run of this stretch."""

    @property
    def bits(self) -> tuple[int, ...]:
        """Those that differ, from the least significant, 0."""
        return tuple(bit for bit in range(32) if (self.expected ^ self.actual) >> bit & 1)

    def mismatch(self, byte_offset: int) -> Mismatch:
        """As a finding tells it."""
        expected, actual = self.expected.to_bytes(4, "little"), self.actual.to_bytes(4, "little")
        return Mismatch(byte_offset, expected, actual, self.bits, self.address)


@dataclass(frozen=True, slots=True)
class StretchRecord:
    """How one stretch did."""

    words: int
    mismatches: int
    or_of_xor: int
    wrong: tuple[WrongWord, ...]
    """The first few, by the order of launches and addresses; which few of one launch, nobody decides."""

    @classmethod
    def of(cls, row: np.void) -> StretchRecord:
        """As the device wrote it."""
        kept = row["entries"][: min(int(row["claimed"]), ENTRIES)]
        names = ("address", "expected", "actual", "operation")
        wrong = (WrongWord(*(int(entry[name]) for name in names)) for entry in kept)
        in_order = tuple(sorted(wrong, key=lambda word: (word.operation, word.address)))
        return cls(int(row["words"]), int(row["mismatches"]), int(row["or_of_xor"]), in_order)
