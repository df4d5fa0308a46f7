"""What the software GPU gives to the NumPy twin of a kernel: its arguments, the memory, and the SMs that it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from sentinel_node.probes.device import Buffer, Launch
from sentinel_node.probes.record import Words
from sentinel_node.probes.software.faults import ANY_UNIT, ResultFault

F = TypeVar("F")


@dataclass(slots=True)
class FaultySilicon:
    """One SM in one launch; counts its results, so that a fault can come once in many."""

    faults: tuple[ResultFault, ...]
    _given: dict[str, int] = field(default_factory=dict)

    def result(self, unit: str, words: Words) -> Words:
        """See `Silicon`."""
        before = self._given.get(unit, 0)
        self._given[unit] = before + words.size
        for fault in self.faults:
            if fault.unit in (ANY_UNIT, unit):
                words = fault.corrupt(words, before)
        return words


@dataclass(frozen=True, slots=True)
class Call:
    """One launch, as a twin sees it."""

    launch: Launch
    memory: Mapping[int, npt.NDArray[np.uint8]]
    """Every allocation by its address. Twins read and write it in place."""
    sms: tuple[int, ...]
    """Those that a block lands on."""
    faults: tuple[object, ...]
    """All of the GPU's; a twin picks those that it knows."""

    def number(self, position: int) -> int:
        """A scalar argument."""
        value = self.launch.arguments[position]
        assert isinstance(value, np.integer), value  # noqa: S101 - the twin and its kernel declare the same
        return int(value)

    def array(self, position: int, dtype: npt.DTypeLike) -> npt.NDArray[Any] | None:
        """A pointer argument as the memory behind it, writable; None for the null pointer."""
        value = self.launch.arguments[position]
        if value is None:
            return None
        assert isinstance(value, Buffer), value  # noqa: S101 - the twin and its kernel declare the same
        return self.memory[value.address].view(dtype)

    def faults_of(self, kind: type[F], sm: int | None = None) -> tuple[F, ...]:
        """The faults of a class, on one SM where one is named."""
        found = (fault for fault in self.faults if isinstance(fault, kind))
        return tuple(fault for fault in found if sm is None or getattr(fault, "sm", None) == sm)


class Emulation(Protocol):
    """The twin of one kernel."""

    def __call__(self, call: Call) -> None:
        """Do to the memory what the kernel does."""


Emulations = Mapping[tuple[str, str], Emulation]
"""By source and entry, e.g. ``("fma.cu", "fma_fp32")``."""
