"""The twins of ``cuda/memory.cu``, and memory cells that go wrong.

A launch is done on the whole array at once. Only the words that a fault knows are then done again one by one, in the
order of their addresses, with the fault looking on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.counter_random import high_words, low_words, mix64
from sentinel_node.probes.device import Buffer
from sentinel_node.probes.memory_march import UNIT_WORD_BITS, BackgroundKind
from sentinel_node.probes.memory_record import HALF, MEMORY_RECORD
from sentinel_node.probes.record import Words
from sentinel_node.probes.software.emulation import Call, Emulations
from sentinel_node.probes.software.memory_faults import MemoryFault, WrongReader

UNIT_WORDS = 1 << UNIT_WORD_BITS


@dataclass(frozen=True, slots=True)
class Cells:
    """All memory of the software GPU, word by word."""

    memory: dict[int, npt.NDArray[np.uint8]]

    def __getitem__(self, address: int) -> int:
        base, words = self._find(address)
        return int(words[(address - base) // 4])

    def __setitem__(self, address: int, word: int) -> None:
        base, words = self._find(address)
        words[(address - base) // 4] = word

    def __contains__(self, address: int) -> bool:
        return any(base <= address < base + array.size for base, array in self.memory.items())

    def _find(self, address: int) -> tuple[int, Words]:
        base = max(base for base in self.memory if base <= address)
        return base, self.memory[base].view(np.uint32)


@dataclass(frozen=True, slots=True)
class _Pass:
    """One launch: the group's words, of shape (units, words of a unit), and what they should hold."""

    call: Call
    base: int
    """The stretch's address."""
    units: npt.NDArray[np.int64]
    """The numbers of the group's units in the stretch."""

    @classmethod
    def of(cls, call: Call) -> _Pass:
        buffer = call.launch.arguments[0]
        assert isinstance(buffer, Buffer)  # noqa: S101 - the kernel declares a pointer
        number, width, shift = (call.number(position) for position in (2, 3, 4))
        n = np.arange(call.number(1), dtype=np.int64)
        return cls(call, buffer.address, n >> shift << shift + width | number << shift | n & (1 << shift) - 1)

    @property
    def stretch(self) -> Words:
        """All units, writable."""
        array = self.call.array(0, np.uint32)
        assert array is not None  # noqa: S101 - never null
        return cast(Words, array.reshape(-1, UNIT_WORDS))

    @property
    def addresses(self) -> npt.NDArray[np.uint64]:
        numbers = self.units[:, None] * UNIT_WORDS + np.arange(UNIT_WORDS)
        return numbers.astype(np.uint64) * np.uint64(4) + np.uint64(self.base)

    @property
    def right(self) -> Words:
        return self._background() ^ np.uint32(self.call.number(5))

    def _background(self) -> Words:
        kind, pattern = BackgroundKind(self.call.number(6)), np.uint32(self.call.number(7))
        if kind is BackgroundKind.PATTERN:
            return np.full((self.units.size, UNIT_WORDS), pattern, dtype=np.uint32)
        addresses = self.addresses
        numbers = addresses >> np.uint64(2)
        if kind is BackgroundKind.BY_WORD:
            is_set = (numbers >> np.uint64(self.call.number(8)) & np.uint64(1)).astype(bool)
            return np.where(is_set, ~pattern, pattern)
        pairs = addresses & ~np.uint64(7)
        values = pairs if kind is BackgroundKind.ADDRESS else mix64(np.uint64(self.call.number(9)) ^ mix64(pairs))
        return np.where(numbers & np.uint64(1), high_words(values), low_words(values))

    def watched(self) -> tuple[int, ...]:
        """Addresses in the group that a fault knows, in order."""
        faults = self.call.faults_of(MemoryFault)  # type: ignore[type-abstract]
        known = {address for fault in faults for address in fault.watched}
        return tuple(sorted(address for address in known if (address - self.base) // (4 * UNIT_WORDS) in self.units))


def write(call: Call) -> None:
    """The twin of ``memory_write``."""
    this, cells = _Pass.of(call), Cells(dict(call.memory))
    watched = {address: cells[address] for address in this.watched()}
    this.stretch[this.units] = this.right
    values = {address: cells[address] for address in watched}
    for address, old in watched.items():
        cells[address] = old
    for address, old in watched.items():
        cells[address] = values[address]
        for fault in call.faults_of(MemoryFault):  # type: ignore[type-abstract]
            fault.written(cells, address, old)


def read(call: Call) -> None:
    """The twin of ``memory_read``."""
    this, cells = _Pass.of(call), Cells(dict(call.memory))
    found = this.stretch[this.units]
    for address in this.watched():
        value = cells[address]
        for fault in call.faults_of(MemoryFault):  # type: ignore[type-abstract]
            value = fault.read(cells, address, value)
        found[this.addresses == np.uint64(address)] = value
    records = call.array(10, MEMORY_RECORD)
    assert records is not None  # noqa: S101 - never null
    _report(records[call.number(11)], _Read(this, found), call.number(12))


@dataclass(frozen=True, slots=True)
class _Read:
    """One launch of reads: what memory gave, and which SM each unit went to."""

    this: _Pass
    given: Words

    @property
    def readers(self) -> npt.NDArray[np.intp]:
        """Of each unit: warps take them in turn, and blocks lie on the SMs in turn."""
        launch, sms = self.this.call.launch, np.array(self.this.call.sms)
        warp = np.arange(len(self.this.units)) % (launch.grid * launch.block // 32)
        of_units: npt.NDArray[np.intp] = sms[warp * 32 // launch.block % len(sms)]
        return of_units

    def seen_by(self, sm: int, words: Words) -> Words:
        """What an SM makes of words that memory gave."""
        for fault in self.this.call.faults_of(WrongReader, sm):
            words = words ^ np.uint32(fault.mask)
        return words

    @property
    def found(self) -> Words:
        """What the SMs made of it all."""
        found, readers = self.given.copy(), self.readers
        for sm in {fault.sm for fault in self.this.call.faults_of(WrongReader)}:
            found[readers == sm] = self.seen_by(sm, found[readers == sm])
        return found

    def again(self, place: tuple[int, int]) -> tuple[int, int]:
        """Another SM's number plus 1, and what it finds in the cache, so what memory gave; 0 where there is none."""
        sms = self.this.call.sms
        other = next((sm for sm in sms if sm != self.readers[place[0]]), None)
        return (0, 0) if other is None else (other + 1, int(self.seen_by(other, self.given[place])))


def _report(record: np.void, seen: _Read, operation: int) -> None:
    right, found, addresses, readers = seen.this.right, seen.found, seen.this.addresses, seen.readers
    record["words"] += np.uint64(right.size)
    wrong = found != right
    if not wrong.any():
        return
    record["mismatches"] += np.uint32(np.count_nonzero(wrong))
    record["or_of_xor"] |= np.bitwise_or.reduce((found ^ right)[wrong])
    places = sorted(zip(*np.nonzero(wrong), strict=True), key=lambda place: int(addresses[place]))
    record["first_operation"] = record["first_operation"] or operation + 1
    begin, claimed = (0, "claimed") if record["first_operation"] == operation + 1 else (HALF, "claimed_later")
    for place in places[: max(0, HALF - int(record[claimed]))]:
        other, again = seen.again(place)
        told = (addresses[place], right[place], found[place], operation, readers[place[0]] + 1, other, again)
        record["entries"][begin + int(record[claimed])] = (*told, right[place] if other else 0, 0)
        record[claimed] += np.uint32(1)


MEMORY_TWINS: Emulations = {("memory.cu", "memory_write"): write, ("memory.cu", "memory_read"): read}
