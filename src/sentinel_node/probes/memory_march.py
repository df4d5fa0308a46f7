"""March tests as data: which operations, in which order of addresses; and the words that stand for 0 and 1.

A march test walks all cells up or down, once per element, and does the element's operations on each before it goes to
the next. Notation of van de Goor, "Testing Semiconductor Memories" (1991): w0 writes, r0 reads and expects, 0 is the
data background and 1 its complement.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Order(StrEnum):
    """Of addresses."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Operation:
    """One access to each cell."""

    is_read: bool
    value: int
    """0 or 1: what is written, or what a read expects."""

    def __str__(self) -> str:
        return f"{'r' if self.is_read else 'w'}{self.value}"


@dataclass(frozen=True, slots=True)
class Element:
    """Operations done on one cell before the next."""

    order: Order
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class MarchTest:
    """A whole test."""

    name: str
    elements: tuple[Element, ...]

    @property
    def reads(self) -> int:
        """Of each cell."""
        return sum(operation.is_read for element in self.elements for operation in element.operations)

    @property
    def operations(self) -> int:
        """On each cell."""
        return sum(len(element.operations) for element in self.elements)

    def __str__(self) -> str:
        return "; ".join(f"{e.order.value} {' '.join(map(str, e.operations))}" for e in self.elements)


def march(name: str, text: str) -> MarchTest:
    """A test from its notation: ``up w0; up r0 w1; down r1``."""
    elements = []
    for part in text.split(";"):
        order, *operations = part.split()
        parsed = tuple(Operation(word[0] == "r", int(word[1])) for word in operations)
        elements.append(Element(Order(order), parsed))
    return MarchTest(name, tuple(elements))


MARCH_C_MINUS = march("march_c_minus", "up w0; up r0 w1; up r1 w0; down r0 w1; down r1 w0; up r0")
"""10n; Marinescu 1982, without the redundant read: stuck-at, transition, address and unlinked coupling faults."""

MARCH_SS = march(
    "march_ss",
    "up w0; up r0 r0 w0 r0 w1; up r1 r1 w1 r1 w0; down r0 r0 w0 r0 w1; down r1 r1 w1 r1 w0; up r0",
)
"""22n; Hamdioui, van de Goor, Rodgers 2002: all simple static faults, deceptive reads and disturbing writes too."""

ADDRESS = march("address", "up w0; up r0; up w1; up r1")
"""4n, each element over all of the memory before the next: with every word its own address as 0, two words that share
a cell, near or far, cannot both be right."""


class BackgroundKind(IntEnum):
    """What stands for 0; numbers as in ``cuda/memory.cu``."""

    PATTERN = 0
    BY_WORD = 1
    """A word or its complement, by one bit of the word's number."""
    ADDRESS = 2
    """Its own address, 64 bits in two words."""
    RANDOM = 3
    """A function of seed and address."""


@dataclass(frozen=True, slots=True)
class Background:
    """The 0 of every word; its complement is the 1."""

    kind: BackgroundKind
    pattern: int = 0
    bit: int = 0
    """For BY_WORD: which bit of the word's number."""
    name: str = ""


PATTERNS = (0x00000000, 0x55555555, 0x33333333, 0x0F0F0F0F, 0x00FF00FF, 0x0000FFFF)
"""log2(32) + 1 words: of any two bits of a word, at least one tells them apart, and one does not."""
UNIT_WORD_BITS = 7
"""A unit has 2**7 words."""

BACKGROUNDS = (
    *(Background(BackgroundKind.PATTERN, pattern, name=f"{pattern:08x}") for pattern in PATTERNS),
    *(Background(BackgroundKind.BY_WORD, bit=bit, name=f"word bit {bit}") for bit in range(UNIT_WORD_BITS)),
    Background(BackgroundKind.RANDOM, name="random"),
)
"""For march tests: tell apart any two bits of one unit, between which no order of addresses can tell."""
OWN_ADDRESS = Background(BackgroundKind.ADDRESS, name="own address")
