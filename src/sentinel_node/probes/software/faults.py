"""What can be wrong with a software GPU. Each fault is a value; a test puts some of them into a `SoftwareDevice`.

Faults of results see every result of the unit under test as 32-bit words with the block's threads along the last axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from sentinel_node.probes.record import Words

ANY_UNIT = ""


@runtime_checkable
class ResultFault(Protocol):
    """Makes results of one SM wrong."""

    @property
    def sm(self) -> int:
        """On which."""

    @property
    def unit(self) -> str:
        """In which unit, by the names at `Silicon.result`; empty for all."""

    def corrupt(self, words: Words, before: int) -> Words:
        """The results as the SM gives them; `before` is how many this unit had given in this launch."""


@dataclass(frozen=True, slots=True)
class StuckBit:
    """One bit of every result is always `value`."""

    sm: int
    bit: int
    value: int = 1
    unit: str = ANY_UNIT

    def corrupt(self, words: Words, before: int) -> Words:
        """See `ResultFault`."""
        del before
        mask = np.uint32(1 << self.bit)
        return words | mask if self.value else words & ~mask


@dataclass(frozen=True, slots=True)
class DeadSm:
    """Every result is 0."""

    sm: int
    unit: str = ANY_UNIT

    def corrupt(self, words: Words, before: int) -> Words:
        """See `ResultFault`."""
        del before
        return np.zeros_like(words)


@dataclass(frozen=True, slots=True)
class FlippedLane:
    """One lane of every warp flips the bits of a mask."""

    sm: int
    lane: int
    mask: int = 1
    unit: str = ANY_UNIT

    def corrupt(self, words: Words, before: int) -> Words:
        """See `ResultFault`."""
        del before
        changed = words.copy()
        changed[..., self.lane :: 32] ^= np.uint32(self.mask)
        return changed


@dataclass(frozen=True, slots=True)
class WrongOnceIn:
    """Every `period`-th result has the bits of a mask flipped; a period above all results never shows."""

    sm: int
    period: int
    mask: int = 1
    unit: str = ANY_UNIT

    def corrupt(self, words: Words, before: int) -> Words:
        """See `ResultFault`."""
        first = (-before - 1) % self.period
        changed = words.copy()
        changed.reshape(-1)[first :: self.period] ^= np.uint32(self.mask)
        return changed


@dataclass(frozen=True, slots=True)
class FalseVote:
    """The SM's threads vote for a mismatch where there is none."""

    sm: int


@dataclass(frozen=True, slots=True)
class Unreached:
    """No block lands on the SM, in the first so many launches or ever."""

    sm: int
    launches: int = 2**31


@dataclass(frozen=True, slots=True)
class Moved:
    """A block that began on the SM ends on another one."""

    sm: int


@dataclass(frozen=True, slots=True)
class BlindComparison:
    """The SM computes, but reports no mismatch."""

    sm: int


@dataclass(frozen=True, slots=True)
class Unended:
    """A block begins on the SM and does not complete its record."""

    sm: int


@dataclass(frozen=True, slots=True)
class LaunchError:
    """A launch ends with an error, 0 for the first."""

    launch: int = 0
    message: str = "an illegal instruction was encountered"


@dataclass(frozen=True, slots=True)
class Hang:
    """A launch does not end, 0 for the first."""

    launch: int = 0


Fault = ResultFault | Unreached | Moved | BlindComparison | Unended | LaunchError | Hang
