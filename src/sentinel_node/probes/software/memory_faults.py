"""What can be wrong with a software GPU's memory: the classic faults of memory cells, at addresses.

Each names the words it must be asked about. Addresses are those of the GPU's virtual memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class Cells(Protocol):
    """The memory, word by word."""

    def __getitem__(self, address: int) -> int: ...
    def __setitem__(self, address: int, word: int) -> None: ...
    def __contains__(self, address: int) -> bool: ...


@runtime_checkable
class MemoryFault(Protocol):
    """Looks on when one of its words is accessed."""

    @property
    def watched(self) -> tuple[int, ...]:
        """Addresses of words."""

    def written(self, cells: Cells, address: int, old: int) -> None:
        """A watched word, of any fault, holds its new value and held `old`; change what you like."""

    def read(self, cells: Cells, address: int, value: int) -> int:
        """What a read of a watched word, of any fault, gives."""


class _Quiet:
    """Does nothing."""

    __slots__ = ()

    def written(self, cells: Cells, address: int, old: int) -> None:
        """See `MemoryFault`."""

    def read(self, cells: Cells, address: int, value: int) -> int:
        """See `MemoryFault`."""
        del cells, address
        return value


def _with_bit(word: int, bit: int, value: int) -> int:
    return word | 1 << bit if value else word & ~(1 << bit)


@dataclass(frozen=True)
class StuckMemoryBit(_Quiet):
    """A bit of a word is always `value`."""

    address: int
    bit: int
    value: int

    @property
    def watched(self) -> tuple[int, ...]:
        """See `MemoryFault`."""
        return (self.address,)

    def read(self, cells: Cells, address: int, value: int) -> int:
        """See `MemoryFault`."""
        del cells
        return _with_bit(value, self.bit, self.value) if address == self.address else value


@dataclass(frozen=True)
class FailedTransition(_Quiet):
    """A bit cannot be changed to `to`; once it is that, it stays readable."""

    address: int
    bit: int
    to: int

    @property
    def watched(self) -> tuple[int, ...]:
        """See `MemoryFault`."""
        return (self.address,)

    def written(self, cells: Cells, address: int, old: int) -> None:
        """See `MemoryFault`."""
        if address == self.address and (old >> self.bit & 1) != self.to:
            cells[address] = _with_bit(cells[address], self.bit, 1 - self.to)


@dataclass(frozen=True)
class WrongDecoder(_Quiet):
    """An address reaches the cells of another one."""

    address: int
    reaches: int

    @property
    def watched(self) -> tuple[int, ...]:
        """See `MemoryFault`."""
        return (self.address, self.reaches)

    def written(self, cells: Cells, address: int, old: int) -> None:
        """See `MemoryFault`."""
        del old
        if address == self.address and self.reaches in cells:
            cells[self.reaches] = cells[address]

    def read(self, cells: Cells, address: int, value: int) -> int:
        """See `MemoryFault`."""
        return cells[self.reaches] if address == self.address else value


@dataclass(frozen=True)
class Coupling(_Quiet):
    """When a bit of one word changes to `rises`, a bit of another word becomes `value`: an idempotent coupling."""

    aggressor: int
    victim: int
    bit: int
    rises: int
    value: int

    @property
    def watched(self) -> tuple[int, ...]:
        """See `MemoryFault`."""
        return (self.aggressor, self.victim)

    def written(self, cells: Cells, address: int, old: int) -> None:
        """See `MemoryFault`."""
        before, after = old >> self.bit & 1, cells[address] >> self.bit & 1
        if address == self.aggressor and before != after and after == self.rises:
            cells[self.victim] = _with_bit(cells[self.victim], self.bit, self.value)


@dataclass(frozen=True)
class DeceptiveRead(_Quiet):
    """A read gives the right value, and flips the bit where it was `value`: only a second read shows it."""

    address: int
    bit: int
    value: int

    @property
    def watched(self) -> tuple[int, ...]:
        """See `MemoryFault`."""
        return (self.address,)

    def read(self, cells: Cells, address: int, value: int) -> int:
        """See `MemoryFault`."""
        if address == self.address and (value >> self.bit & 1) == self.value:
            cells[address] = value ^ 1 << self.bit
        return value


@dataclass(frozen=True)
class WrongReader:
    """No fault of memory: one SM flips the bits of a mask in every word that it reads."""

    sm: int
    mask: int = 1
