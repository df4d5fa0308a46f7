"""Memory that goes wrong between launches: bits flip, stretches are overwritten, two addresses reach one cell.

The host does it through the device's own copies, in order with the launches, so it is the same on a GPU and in
software. A copy goes through the L2 cache as well: what this shows is that a wrong content of memory is found and told,
with its address and bits, and not where the content went wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from tests.gpu.wrapping import Wrapped

from sentinel_node.probes.device import Buffer, Launch

WORD = np.dtype("<u4")


class MemoryUpset(Protocol):
    """Changes the tested memory after a launch."""

    def after(self, launch: int, memory: Wrapped, tested: Buffer) -> None:
        """The launch of this number, from 1, was the last; `tested` is the first stretch."""


@dataclass(frozen=True)
class FlippedBit:
    """Once, after one launch."""

    launch: int
    offset: int
    """Of a word, in bytes from the start of the stretch."""
    bit: int

    def after(self, launch: int, memory: Wrapped, tested: Buffer) -> None:
        if launch == self.launch:
            word = memory.download(tested, WORD, 1, self.offset)
            memory.upload(tested, word ^ np.uint32(1 << self.bit), self.offset)


@dataclass(frozen=True)
class StuckBit:
    """After every launch the bit is what it always is."""

    offset: int
    bit: int
    value: int

    def after(self, launch: int, memory: Wrapped, tested: Buffer) -> None:
        del launch
        word, mask = memory.download(tested, WORD, 1, self.offset), np.uint32(1 << self.bit)
        memory.upload(tested, word | mask if self.value else word & ~mask, self.offset)


@dataclass(frozen=True)
class Overwritten:
    """A run of words gets another content, once."""

    launch: int
    offset: int
    words: int
    content: int = 0xDEADBEEF

    def after(self, launch: int, memory: Wrapped, tested: Buffer) -> None:
        if launch == self.launch:
            memory.upload(tested, np.full(self.words, self.content, dtype=WORD), self.offset)


@dataclass
class Alias:
    """Two addresses of one cell: whichever was written last, both give.

    The other address is the complement of `offset` within the stretch, so that no digit of their units is the same and
    they are in different groups in every round.
    """

    offset: int
    _held: int | None = None

    def other(self, tested: Buffer) -> int:
        """The second address, in bytes from the start of the stretch, whose size is a power of two."""
        return (tested.size_bytes - WORD.itemsize) ^ self.offset

    def after(self, launch: int, memory: Wrapped, tested: Buffer) -> None:
        del launch
        places = (self.offset, self.other(tested))
        words = [int(memory.download(tested, WORD, 1, place)[0]) for place in places]
        changed = [word for word in words if word != self._held]
        self._held = changed[-1] if changed else self._held
        for place in places:
            memory.upload(tested, np.array([self._held], dtype=WORD), place)


@dataclass
class FaultyMemory(Wrapped):
    """A device with such memory: its first allocation, which is the first stretch of a memory probe."""

    upset: MemoryUpset | None = None
    tested: Buffer | None = None
    _launches: int = field(default=0)

    def allocate(self, size_bytes: int) -> Buffer:
        buffer = super().allocate(size_bytes)
        self.tested = self.tested or buffer
        return buffer

    def launch(self, launch: Launch) -> None:
        super().launch(launch)
        self._launches += 1
        if self.upset is not None and self.tested is not None:
            self.upset.after(self._launches, self, self.tested)
