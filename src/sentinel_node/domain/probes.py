"""What a probe is asked, and what it answers: a plan, and one finding for each SM or stretch of memory.

Five outcomes that are never mixed. Only FAIL is a wrong answer of the silicon. ERROR (the launch failed), TIMEOUT (it
did not end) and NOT_RUN (no block was seen on that SM, or the probe was stopped before) say nothing about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProbeKind(StrEnum):
    """The seven kinds of `sentinel.v1`."""

    FMA = "fma"
    TENSOR_CORE = "tensor_core"
    TRANSCENDENTAL = "transcendental"
    AES = "aes"
    MEMORY = "memory"
    REGISTER_FILE = "register_file"
    SHARED_MEMORY = "shared_memory"


class Depth(StrEnum):
    """How much of the GPU a run takes: a few milliseconds on a low-priority stream, or all of it."""

    LIGHT = "light"
    DEEP = "deep"


class Outcome(StrEnum):
    """How a run on one SM, or over one stretch of memory, ended."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    ERROR = "error"
    TIMEOUT = "timeout"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """One run of one probe on one GPU."""

    kind: ProbeKind
    gpu_uuid: str
    variant: str = ""
    """A number format (``bf16``), an algorithm (``march_ss``); empty for all that the kind has on this GPU."""
    seed: int = 0
    """From which all operands follow; 0 to 2**64 - 1."""
    depth: Depth = Depth.LIGHT
    sms: tuple[int, ...] = ()
    """`%smid` values; empty for every SM."""
    repetitions: int = 0
    """Of the whole input set; 0 for what the depth implies."""
    memory_share: float = 0.0
    """Of the free memory, over 0 to 1; 0 for what the depth implies. Other kinds ignore it."""
    soak_s: float = 0.0
    """Seconds at full load before and while testing, for faults that only show hot; 0 for none."""
    deadline_s: float = 60.0
    """From the start; what has not ended then is a TIMEOUT."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where an output first left the right answer."""

    byte_offset: int
    """From the start of the SM's output, or of the tested memory."""
    expected: bytes
    actual: bytes
    bits: tuple[int, ...]
    """Those that differ, counted from the least significant, 0."""
    device_address: int | None = None
    """The address in the GPU's virtual memory, for memory probes; a page of it need not lie in one physical row."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one SM, or one stretch of memory, did."""

    outcome: Outcome
    sm: int | None
    """`%smid`; None for memory, which belongs to no SM, unless one SM alone read it wrongly."""
    variant: str
    reason: str = ""
    """For ERROR, TIMEOUT and NOT_RUN: why, in words. For a FAIL of memory: what it speaks against."""
    expected_hash: bytes = b""
    """SHA-256 of the right output; empty where there was none."""
    actual_hash: bytes = b""
    """SHA-256 of the output as it was; the right one's where all words were found equal on the device."""
    mismatch: Mismatch | None = None
    """Present only for a FAIL."""
    mismatch_words: int = 0
    """How many 32-bit words were wrong, over all repetitions."""
    mismatch_bits: int = 0
    """The OR of all differences, a mask of 32 bits: one bit set is one stuck line, all of them is anything."""
    repetitions: int = 0
    """Completed."""
    duration_ns: int = 0
    tested_bytes: int = 0
    """Of memory; 0 for other kinds."""
    is_proven: bool = True
    """False where the kernel itself has not passed on a GPU yet: it says nothing of the silicon then, by a PASS too."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What one plan came to."""

    plan: ProbePlan
    findings: tuple[Finding, ...]
    sms_present: int
    """On the GPU; 0 where unknown."""
    started_unix_ns: int
    ended_unix_ns: int
    gpu_clock_mhz: int = 0
    """While it ran; 0 where unknown, as are the next two."""
    temperature_c: float = 0.0
    power_w: float = 0.0
    notes: tuple[str, ...] = ()
    """What a reader must know: left out formats, memory that others hold."""
    unplaced: tuple[str, ...] = ()
    """Wrong words that were found, but of which nobody can say where; each stands in `notes` as well."""

    def count(self, outcome: Outcome) -> int:
        """How many findings ended so."""
        return sum(finding.outcome is outcome for finding in self.findings)

    @property
    def outcome(self) -> Outcome:
        """The gravest: a FAIL before everything, a PASS only where nothing else is."""
        present = {finding.outcome for finding in self.findings} or {Outcome.NOT_RUN}
        return next(outcome for outcome in _GRAVEST_FIRST if outcome in present)


_GRAVEST_FIRST = (Outcome.FAIL, Outcome.TIMEOUT, Outcome.ERROR, Outcome.NOT_RUN, Outcome.PASS)
