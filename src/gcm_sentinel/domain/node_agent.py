"""What an agent on a GPU node answers: its GPUs, readings, named diagnoses, and evidence before it is lost.

Probes are in `node_probes`. All times are timezone-aware UTC. What the node could not read is told beside what it
could: absence of a line or figure proves nothing unless it was looked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NodeGpu:
    """One GPU as its driver names it; text that the driver does not give is empty."""

    uuid: str
    index: int
    pci_bus_id: str
    """As the kernel writes it in an Xid line: ``0000:9b:00.0``."""
    model: str = ""
    serial: str = ""
    driver_version: str = ""
    vbios_version: str = ""
    memory_bytes: int = 0
    is_partitioned: bool = False
    """MIG is on, so no probe runs."""


@dataclass(frozen=True, slots=True)
class NodePart:
    """A part of the node's agent."""

    name: str
    """``probes``, ``telemetry``, ``kernel_log``, ``diagnostics`` or ``processes``."""
    missing: str = ""
    """What is missing; empty where it works."""


class ProbePermission(StrEnum):
    """Which probes the node lets run."""

    UNKNOWN = "unknown"
    OFF = "off"
    LIGHT = "light"
    DEEP = "deep"
    """Light ones as well."""


@dataclass(frozen=True, slots=True)
class NodeDescription:
    """The node as its agent sees it."""

    node: str
    time: datetime
    agent_version: str
    boot_id: str
    gpus: tuple[NodeGpu, ...]
    parts: tuple[NodePart, ...]
    permission: ProbePermission
    holders: tuple[tuple[str, str], ...] = ()
    """GPUs on which a probe runs now, by UUID, each with who started it."""


@dataclass(frozen=True, slots=True)
class KernelLine:
    """One line of the kernel's log."""

    boot_id: str
    sequence: int
    """Grows within a boot; a gap means that lines were lost."""
    monotonic_us: int
    """Microseconds since that boot."""
    time: datetime
    level: int
    """0 emergency to 7 debug."""
    message: str
    source: str
    """``kmsg`` or ``journal``."""
    xid: int | None = None
    sxid: int | None = None
    pci_bus_id: str = ""
    aer: str = ""
    """``corrected``, ``non_fatal`` or ``fatal`` for a PCIe AER line."""
    is_off_bus: bool = False
    folded_lines: int = 0
    """Lines like this one that came right after it and were counted, not kept."""
    from_kernel: bool | None = None
    """The kernel itself wrote it, not a process into the kernel's buffer; None where the agent cannot tell."""


@dataclass(frozen=True, slots=True)
class KernelLines:
    """The lines found, oldest first, and what was looked through."""

    node: str
    lines: tuple[KernelLine, ...]
    boot_ids: tuple[str, ...]
    is_truncated: bool
    """Older lines matched too."""
    lost_lines: int
    """That the kernel overwrote before they were read; where the node's memory of them ends is not told."""
    missing: tuple[str, ...]
    time: datetime
    """By the node's clock, when it answered: lines are dated by the same clock."""


@dataclass(frozen=True, slots=True)
class KernelQuestion:
    """Which lines are wanted."""

    since: datetime | None = None
    until: datetime | None = None
    boot_id: str = ""
    contains: tuple[str, ...] = ()
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was read, by its name with its unit: ``temperature_c``, ``nvlinks.3.crc_errors``."""

    name: str
    value: int | float | bool | str


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at one moment. A figure that is not there was not told, which is not zero."""

    gpu: NodeGpu
    time: datetime
    figures: tuple[Figure, ...]
    process_ids: tuple[int, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Fields that failed though the GPU has them, each with the driver's word."""
    lost: str = ""
    """The driver's word when it has lost this GPU."""

    def figure(self, name: str) -> int | float | bool | str | None:
        """One of them; None where it was not told."""
        return next((figure.value for figure in self.figures if figure.name == name), None)


class DiagnosisStatus(StrEnum):
    """How something looks; UNKNOWN is no OK."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that a check looked at."""

    status: DiagnosisStatus
    subject: str
    """A GPU by its UUID, a device by its PCI address, a process by its number, or ``node``."""
    text: str
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeDiagnosis:
    """The answer to a named question."""

    node: str
    name: str
    time: datetime
    status: DiagnosisStatus
    observations: tuple[Observation, ...]
    is_truncated: bool = False


KERNEL_LOG = "kernel_log.jsonl"
"""The part of captured evidence that is the kernel's log."""


@dataclass(frozen=True, slots=True)
class CapturedPart:
    """One named part of captured evidence, its digest checked."""

    name: str
    """A file name, e.g. ``kernel_log.jsonl``."""
    media_type: str
    content: bytes = field(repr=False)
    """What was kept of it: the end of the log, the beginning of anything else."""
    sha256: str
    """Of the whole as it was sent."""
    is_truncated: bool = False
    missing: str = ""
    """Why there is no content."""
    sent_bytes: int = 0
    """Of the whole."""


@dataclass(frozen=True, slots=True)
class CapturedEvidence:
    """Everything that a reset would have destroyed."""

    node: str
    boot_id: str
    started: datetime
    ended: datetime
    parts: tuple[CapturedPart, ...]


@dataclass(frozen=True, slots=True)
class EvidenceQuestion:
    """What evidence is wanted about."""

    gpu_uuid: str = ""
    """Empty for all."""
    since: datetime | None = None
    """Of the kernel's log; None for an hour back."""
    reason: str = ""
    """For the manifest: an incident's id."""


class NodeReadings(Protocol):
    """Reads nodes, each by its exact name. Every method raises `SentinelError`."""

    async def kernel_log(self, node: str, question: KernelQuestion) -> KernelLines:
        """The newest lines that are wanted."""
        ...

    async def telemetry(self, node: str) -> tuple[GpuReading, ...]:
        """What the driver says of every GPU now."""
        ...

    async def diagnose(self, node: str, name: str) -> NodeDiagnosis:
        """The answer to one of the questions that `diagnostics` names."""
        ...


class NodeEvidence(Protocol):
    """Captures what would be lost. Every method raises `SentinelError`."""

    async def capture(self, node: str, question: EvidenceQuestion) -> CapturedEvidence:
        """All parts, each with its content or why there is none."""
        ...
