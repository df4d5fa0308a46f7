"""What the memory kernels leave behind: the twin of ``struct MemoryRecord`` in ``cuda/memory.cu``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from sentinel_node.domain.probes import Mismatch

ENTRIES = 16
"""Mismatches kept with their addresses; the rest is counted."""
HALF = ENTRIES // 2
"""Of the first launch that found one, and of those after it: an SM is blamed only for what it did in several."""
ENTRY = np.dtype(
    [
        ("address", "<u8"),
        ("expected", "<u4"),
        ("actual", "<u4"),
        ("operation", "<u4"),
        ("reader", "<u4"),
        ("reader_again", "<u4"),
        ("again", "<u4"),
        ("expected_again", "<u4"),
        ("reserved", "<u4"),
    ]
)
MEMORY_RECORD = np.dtype(
    [
        ("words", "<u8"),
        ("mismatches", "<u4"),
        ("or_of_xor", "<u4"),
        ("claimed", "<u4"),
        ("first_operation", "<u4"),
        ("claimed_later", "<u4"),
        ("reserved", "<u4"),
        ("entries", ENTRY, ENTRIES),
    ]
)
"""672 bytes, little endian; all zero at the start."""


class Cause(Enum):
    """What a wrong word speaks against, after another SM read it again."""

    MEMORY = "memory"
    """The other one found it wrong as well: it is stored so, or was written so."""
    READER = "right again"
    """The other one found it right; that may also be because a fault of memory had passed."""
    UNKNOWN = "not read again"
    """No block of another SM ended later."""


@dataclass(frozen=True, slots=True)
class WrongWord:
    """One read that did not find what was written."""

    address: int
    """In the GPU's virtual memory."""
    expected: int
    actual: int
    operation: int
    """The number of the launch, counted over the whole run of this stretch."""
    reader: int | None = None
    """`%smid` of the SM that read it."""
    reader_again: int | None = None
    """Of another one that read it again in the same launch."""
    is_right_again: bool = False

    @classmethod
    def of(cls, entry: np.void) -> WrongWord:
        """As the device wrote it."""
        return cls(
            address=int(entry["address"]),
            expected=int(entry["expected"]),
            actual=int(entry["actual"]),
            operation=int(entry["operation"]),
            reader=_sm(int(entry["reader"])),
            reader_again=_sm(int(entry["reader_again"])),
            is_right_again=int(entry["again"]) == int(entry["expected_again"]),
        )

    @property
    def cause(self) -> Cause:
        """What it speaks against."""
        if self.reader_again is None:
            return Cause.UNKNOWN
        return Cause.READER if self.is_right_again else Cause.MEMORY

    @property
    def bits(self) -> tuple[int, ...]:
        """Those that differ, from the least significant, 0."""
        return tuple(bit for bit in range(32) if (self.expected ^ self.actual) >> bit & 1)

    def mismatch(self, byte_offset: int) -> Mismatch:
        """As a finding tells it."""
        expected, actual = self.expected.to_bytes(4, "little"), self.actual.to_bytes(4, "little")
        return Mismatch(byte_offset, expected, actual, self.bits, self.address)


def _sm(number: int) -> int | None:
    return number - 1 if number else None


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
        first, later = (min(int(row[name]), HALF) for name in ("claimed", "claimed_later"))
        kept = (*row["entries"][:first], *row["entries"][HALF : HALF + later])
        in_order = tuple(sorted(map(WrongWord.of, kept), key=lambda word: (word.operation, word.address)))
        return cls(int(row["words"]), int(row["mismatches"]), int(row["or_of_xor"]), in_order)

    @property
    def blamed_sm(self) -> int | None:
        """The one SM that alone read words wrong which others read right; None where memory or nobody can be blamed.

        By one word, or one launch, nobody is: what memory gave wrong once, another SM reads right as well. It takes
        several words, for an SM reads a weak cell again in every launch, and at least two launches.
        """
        causes = {word.cause for word in self.wrong}
        readers = {word.reader for word in self.wrong}
        right_again = [word for word in self.wrong if word.cause is Cause.READER]
        is_often = min(len({word.address for word in right_again}), len({word.operation for word in right_again})) > 1
        return readers.pop() if is_often and Cause.MEMORY not in causes and len(readers) == 1 else None
