"""Kernels that compute wrongly on one SM: the shipped text with ``faults.cuh`` before it, for tests alone.

Nothing of this is in the package. The fault is eight words of data in the machine code, which are replaced after
compiling, since the register kernel takes a minute to compile.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from sentinel_node.probes.compiling import Compiled, compile_text
from sentinel_node.probes.device import CUDA_FOLDER

HEADER = Path(__file__).with_name("faults.cuh")
_ALL_BITS = 0xFFFFFFFF
_EVERY_LANE = 0xFFFFFFFF
_PLACEHOLDER = struct.pack("<8I", *(0xFA170001 + number for number in range(8)))


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """What one SM makes of results: ``((word & keep) | set_bits) ^ flip``."""

    sm: int
    lane: int = _EVERY_LANE
    keep: int = _ALL_BITS
    set_bits: int = 0
    flip: int = 0
    period: int = 1
    """Only every so manyth result of the SM (and lane) goes wrong."""

    @property
    def data(self) -> bytes:
        """As `fault` of ``faults.cuh``."""
        return struct.pack("<8I", self.sm, self.lane, self.keep, self.set_bits, self.flip, self.period, 0, 0)


def stuck_bit(sm: int, bit: int, value: int) -> InjectedFault:
    """One bit of every result is always `value`."""
    return InjectedFault(sm, set_bits=1 << bit) if value else InjectedFault(sm, keep=_ALL_BITS ^ 1 << bit)


def flipped_lane(sm: int, lane: int, bit: int) -> InjectedFault:
    """One lane of every warp flips a bit."""
    return InjectedFault(sm, lane=lane, flip=1 << bit)


def wrong_once_in(sm: int, period: int, bit: int) -> InjectedFault:
    """One result in so many has a bit flipped."""
    return InjectedFault(sm, flip=1 << bit, period=period)


@dataclass(frozen=True, slots=True)
class CompileFaulty:
    """Takes the place of `compile_source`."""

    fault: InjectedFault

    def __call__(self, source: str, architecture: str) -> Compiled:
        """The kernels of a shipped source, with the fault."""
        made = compiled(source, architecture)
        if made.image.count(_PLACEHOLDER) != 1:
            raise AssertionError(
                f"{source} for {architecture} has not one place for a fault: nothing would be injected"
            )
        return replace(made, image=made.image.replace(_PLACEHOLDER, self.fault.data))


@cache
def compiled(source: str, architecture: str) -> Compiled:
    """With the place for a fault still open."""
    shipped = (CUDA_FOLDER / source).read_text(encoding="utf-8")
    rotation = "#define FAULTY_ROTATION\n" if source == "aes.cu" else ""
    return compile_text(f"{rotation}{HEADER.read_text(encoding='utf-8')}\n{shipped}", f"faulty_{source}", architecture)
