"""Where faults touch a computation: every value that passes a place of the SM passes `Damage` on its way."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from dataclasses import replace
from enum import Enum

from sentinel_fleet.sentinel.silicon.faults import Fault, FaultKind
from sentinel_fleet.sentinel.silicon.float32 import bits_of, value_of


class Place(Enum):
    """What a value passes."""

    WEIGHT = "weight"
    FMA_RESULT = "fma_result"
    SPECIAL_RESULT = "special_result"
    HALF_OPERAND = "half_operand"
    REGISTER = "register"
    MEMORY = "memory"
    SHARED = "shared"


_HITS: dict[FaultKind, frozenset[Place]] = {
    FaultKind.WEIGHT_BIT: frozenset({Place.WEIGHT}),
    FaultKind.STUCK_RESULT: frozenset({Place.FMA_RESULT}),
    FaultKind.NOISE: frozenset({Place.FMA_RESULT, Place.SPECIAL_RESULT}),
    FaultKind.STUCK_MEMORY_BIT: frozenset({Place.MEMORY}),
    FaultKind.TENSOR_BIT: frozenset({Place.HALF_OPERAND}),
    FaultKind.REGISTER_XOR: frozenset({Place.REGISTER}),
    FaultKind.SHARED_MEMORY: frozenset({Place.SHARED}),
}
_EVERYWHERE = frozenset({FaultKind.STUCK_RESULT, FaultKind.NOISE})
_STUCK = frozenset({FaultKind.STUCK_RESULT, FaultKind.STUCK_MEMORY_BIT})


def present(faults: Iterable[Fault], luck: random.Random) -> tuple[Fault, ...]:
    """The faults that spoil this execution: those that are always there, and of the others their share."""
    return tuple(replace(one, share=1.0) for one in faults if one.share >= 1.0 or luck.random() < one.share)


class Damage:
    """The faults that are present on one SM; `luck` is for noise."""

    def __init__(self, faults: Collection[Fault], luck: random.Random) -> None:
        self._luck = luck
        self._faults = {place: [one for one in faults if place in _HITS[one.kind]] for place in Place}

    def pass_through(self, place: Place, index: int, bits: int) -> int:
        """What is left of a value; `index` is its number at that place."""
        for fault in self._faults[place]:
            if fault.kind in _EVERYWHERE or fault.where == index:
                bits = self._hit(fault, bits)
        return bits

    def _hit(self, fault: Fault, bits: int) -> int:
        if fault.kind is FaultKind.NOISE:
            return bits_of(value_of(bits) * (1.0 + self._luck.gauss(0.0, fault.stddev)))
        if fault.kind not in _STUCK:
            return bits ^ fault.mask
        return bits | fault.mask if fault.value else bits & ~fault.mask
