"""What a probe is made of: a kernel, its twin, how much of it is run, and what its machine code must contain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentinel_node.domain.probes import Depth, ProbeKind
from sentinel_node.probes.record import Words
from sentinel_node.probes.silicon import Silicon

Program = Callable[[int, npt.NDArray[np.uint64], Silicon], Words]
"""The kernel's twin: (seed, numbers of the sets, silicon) -> output words, shape (sets, threads * words per thread);
word w of thread t stands at w * threads + t."""


@dataclass(frozen=True, slots=True)
class Dose:
    """How much is run."""

    sets: int
    """Different operand sets, each with its right output computed on the CPU."""
    repetitions: int
    """Outputs computed and compared by each SM; repetition r uses set r modulo `sets`."""


@dataclass(frozen=True, slots=True)
class InLoop:
    """An instruction that must stand inside a loop of the machine code, or the probe tests nothing."""

    opcode: str
    """As nvdisasm prints it, or its beginning up to a dot: ``HMMA`` is also ``HMMA.16816.F32``. Several with ``|``."""
    at_least: int
    depth: int = 1
    """How many loops it must stand in: 2 for the loop inside the one over repetitions, which also has the comparison
    and its integer arithmetic."""
    is_exact: bool = False
    """Whether the opcode is meant without further modifiers: ``IMAD.MOV`` only copies, and is no ``IMAD``."""

    def is_met_by(self, opcode: str) -> bool:
        """Whether an instruction is one of those wanted."""
        if self.is_exact:
            return opcode in self.opcode.split("|")
        return any(f"{opcode}.".startswith(f"{wanted}.") for wanted in self.opcode.split("|"))


@dataclass(frozen=True, slots=True)
class Variant:
    """One kernel of a kind: a number format, an algorithm."""

    kind: ProbeKind
    name: str
    """As in `ProbePlan.variant`: ``fp32``, ``bf16``, ``march_ss``."""
    source: str
    entry: str
    threads: int
    """Per block."""
    words: int
    """32-bit output words per thread; 0 where the kernel has no output of this shape."""
    light: Dose
    deep: Dose
    instructions: tuple[InLoop, ...]
    shared_bytes: int = 0
    """Dynamic shared memory of a block; 0 for a little more than half of an SM's."""
    since: tuple[int, int] = (8, 0)
    """The first compute capability that can run it."""
    until: tuple[int, int] | None = None
    """The last; None for every later one."""
    is_proven: bool = True
    """Whether it has passed on a GPU of its kind. One that has not runs only when named, and what it finds wrong is
    told as an ERROR and never as a FAIL, since the kernel itself may be at fault."""
    program: Program | None = None
    """None for kernels that are not pinned to SMs."""
    is_golden_known: bool = True
    """False where a CPU cannot derive the right answer, so that the majority of the SMs gives it."""
    other_entries: tuple[str, ...] = ()
    """More kernels of `source` that a run launches."""

    def can_run_on(self, capability: tuple[int, int]) -> bool:
        """Whether a GPU of this compute capability has its instructions."""
        return capability >= self.since and (self.until is None or capability <= self.until)

    @property
    def entries(self) -> tuple[str, ...]:
        """All kernels that a run launches."""
        return (self.entry, *self.other_entries)

    def dose(self, depth: Depth) -> Dose:
        """What the depth implies."""
        return self.deep if depth is Depth.DEEP else self.light
