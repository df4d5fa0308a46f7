"""What agents report about probes: executions on single SMs, in numbered batches, and the answer to a batch.

Types and results stay plain numbers here, because a batch of an agent that is newer than this gateway must be read to
the end: `core` refuses single executions it cannot judge, naming the number, and takes the others. Times are
nanoseconds since 1970 UTC everywhere in this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from sentinel_gateway.domain.identity import Gpu


class ProbeType(IntEnum):
    """What a probe exercises; numbers equal the wire's."""

    FMA = 1
    TENSOR_CORE = 2
    TRANSCENDENTAL = 3
    AES = 4
    MEMORY = 5
    REGISTER_FILE = 6
    SHARED_MEMORY = 7


class ProbeResult(IntEnum):
    """How an execution ended; only `FAIL` says that data were corrupted. Numbers equal the wire's."""

    PASS = 1
    FAIL = 2
    ERROR = 3
    TIMEOUT = 4


PROBE_TYPES = frozenset(map(int, ProbeType))
"""The numbers that are known."""
PROBE_RESULTS = frozenset(map(int, ProbeResult))
"""The numbers that are known."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where a failing probe's output differed."""

    byte_offset: int = 0
    expected_value: bytes = b""
    actual_value: bytes = b""
    differing_bits: tuple[int, ...] = ()
    """Counted from the least significant one."""


@dataclass(frozen=True, slots=True)
class ProbeExecution:
    """One probe on one SM: `sentinel.v1.ProbeExecution`, field by field."""

    execution_id: str
    probe_type: int
    gpu: Gpu
    sm_id: int
    result: int
    expected_hash: bytes = b""
    actual_hash: bytes = b""
    mismatch: Mismatch | None = None
    execution_time_ns: int = 0
    gpu_clock_mhz: int = 0
    gpu_temperature_c: float = 0.0
    gpu_power_w: float = 0.0
    time_ns: int | None = None
    """When it ran; None where the agent did not say."""
    hmac_signature: bytes = b""


def size_of(execution: ProbeExecution) -> int:
    """About how many bytes of it its sender chose freely."""
    mismatch = execution.mismatch
    size = len(execution.execution_id) + len(execution.expected_hash) + len(execution.actual_hash)
    size += len(execution.hmac_signature)
    if mismatch is not None:
        size += len(mismatch.expected_value) + len(mismatch.actual_value) + 4 * len(mismatch.differing_bits)
    return size


@dataclass(frozen=True, slots=True)
class ProbeBatch:
    """`sentinel.v1.ProbeResultBatch`."""

    agent_hostname: str
    executions: tuple[ProbeExecution, ...]
    sequence_number: int
    batch_time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ScheduleOverride:
    """A probe type to run more or less often for a while; period 0 stops it."""

    probe_type: int
    period_s: int
    duration_s: int


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to a batch of any kind; given only after it was stored."""

    sequence_number: int
    accepted: bool
    """False where nothing of the batch was taken."""
    reason: str = ""
    """How much was refused, and why; empty where all was taken."""
    schedule_overrides: tuple[ScheduleOverride, ...] = ()
