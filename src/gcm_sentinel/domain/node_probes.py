"""Probes on a GPU node, as whoever asks for one sees them: the order, how far it is, and what it came to.

Five outcomes that are never mixed. Only FAIL is a wrong answer of the silicon; ERROR, TIMEOUT and NOT_RUN say that
there was none, and speak neither for nor against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from gcm_sentinel.domain.node_agent import NodeDescription, NodeGpu


class ProbeKind(StrEnum):
    """The seven kinds."""

    FMA = "fma"
    TENSOR_CORE = "tensor_core"
    TRANSCENDENTAL = "transcendental"
    AES = "aes"
    MEMORY = "memory"
    REGISTER_FILE = "register_file"
    SHARED_MEMORY = "shared_memory"


class ProbeOutcome(StrEnum):
    """How a run ended."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    ERROR = "error"
    TIMEOUT = "timeout"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """One probe on one GPU."""

    kind: ProbeKind
    gpu_uuid: str
    is_deep: bool = False
    """All of the GPU, and only where nobody computes on it."""
    variant: str = ""
    """Empty for all that the kind has."""
    seed: int | None = None
    """From which all operands follow; None for a fresh one, which the run tells."""
    sms: tuple[int, ...] = ()
    """Empty for every SM."""
    deadline: timedelta = timedelta(seconds=60)
    answer_within: timedelta | None = None
    """Of the call as a whole, getting ready included; what runs then is stopped, and tells what it found. None where
    the call may take as long as the deadline and the node's own waiting for its GPU."""
    soak: timedelta = timedelta()
    """At full load while it tests, for faults that show only in heat; nothing for none. Counts as deep."""


@dataclass(frozen=True, slots=True)
class ProbeProgress:
    """How far a run has come; `total` is 0 while nobody can say."""

    done: int
    total: int
    stage: str


@dataclass(frozen=True, slots=True)
class ProbeMismatch:
    """Where an output first left the right answer."""

    byte_offset: int
    expected: bytes
    actual: bytes
    bits: tuple[int, ...]
    """Those that differ, from the least significant, 0."""
    device_address: int | None = None


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """How one SM, or one stretch of memory, did."""

    outcome: ProbeOutcome
    sm: int | None
    """None for memory, which belongs to no SM."""
    variant: str
    reason: str = ""
    """For everything but PASS and FAIL: why."""
    mismatch: ProbeMismatch | None = None
    mismatch_words: int = 0
    mismatch_bits: int = 0
    """OR of all differences of 32-bit words."""
    repetitions: int = 0
    duration_ns: int = 0
    tested_bytes: int = 0
    expected_hash: bytes = b""
    actual_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class ProbeRun:
    """What an order came to."""

    run_id: str
    gpu: NodeGpu
    order: ProbeOrder
    """As it was carried out, its seed included."""
    outcome: ProbeOutcome
    """The gravest: FAIL, TIMEOUT, ERROR, NOT_RUN, and PASS only where nothing else was."""
    findings: tuple[ProbeFinding, ...]
    sms_present: int
    """0 where unknown, as the clock, temperature and power are."""
    started: datetime
    ended: datetime
    gpu_clock_mhz: int = 0
    temperature_c: float = 0.0
    power_w: float = 0.0
    notes: tuple[str, ...] = ()

    def count(self, outcome: ProbeOutcome) -> int:
        """How many findings ended so."""
        return sum(finding.outcome is outcome for finding in self.findings)


Follower = Callable[[ProbeProgress | ProbeFinding], None]
"""Hears how a run goes on."""


def nobody(_news: ProbeProgress | ProbeFinding) -> None:
    """Hears nothing."""


class NodeProbes(Protocol):
    """Runs probes on nodes, each by its exact name. Every method raises `SentinelError`."""

    async def describe(self, node: str) -> NodeDescription:
        """The node, its GPUs, what works there and which probes it lets run."""
        ...

    async def run_probe(self, node: str, order: ProbeOrder, follow: Follower = nobody) -> ProbeRun:
        """Run one to its end; being cancelled stops it before its next launch.

        Raises:
            Rejected: the node does not allow it, or somebody computes on the GPU.
            Overloaded: another probe holds the GPU.
        """
        ...
