"""The faults of the reference's injector, seven kinds, and how they stand in the gateway's register.

The register's answer (`sentinel.internal.ActiveFault`) names the type and the GPU and keeps the tester's description;
which SM, bit and place are hit it does not say. So the description carries them, as JSON of a `Fault`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class NotSimulated(ValueError):
    """Raised when a register holds a fault that the software GPU cannot show."""


class FaultKind(StrEnum):
    """What is broken."""

    WEIGHT_BIT = "weight_bit"
    """One bit of the operand `where` as it is loaded from memory."""
    STUCK_RESULT = "stuck_result"
    """One bit of every FMA's result."""
    NOISE = "noise"
    """Noise of `stddev`, relative to the value, on every float that is computed."""
    STUCK_MEMORY_BIT = "stuck_memory_bit"
    """One bit of the memory word `where`."""
    TENSOR_BIT = "tensor_bit"
    """One bit of a half-precision operand, in every row of lane `where`."""
    REGISTER_XOR = "register_xor"
    """One bit of register `where` is inverted whenever it is read."""
    SHARED_MEMORY = "shared_memory"
    """One bit of the shared-memory word `where` is inverted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One defect."""

    kind: FaultKind
    sm: int | None = None
    """None for every SM of the GPU."""
    bit: int = 0
    """0 is the least significant."""
    where: int = 0
    value: int = 1
    """Of a stuck bit."""
    stddev: float = 0.0
    share: float = 1.0
    """Of the executions that it spoils, drawn anew for each."""

    @property
    def mask(self) -> int:
        """The bit as a number."""
        return 1 << self.bit

    def told(self) -> str:
        """For a description."""
        return json.dumps(asdict(self))


def fault_of(description: str) -> Fault:
    """The fault of which a description tells.

    Raises:
        NotSimulated: it tells of none.
    """
    try:
        fields = json.loads(description)
        return Fault(**{**fields, "kind": FaultKind(fields["kind"])})
    except (ValueError, TypeError, KeyError) as error:
        raise NotSimulated(f"no fault that the software GPU knows: {description!r}") from error
