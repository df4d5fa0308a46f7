"""The seams of a GPU node: what the service and the schedules ask of probes, readers and the machine.

All of them block, because the driver, the kernel and a GPU do; whoever asks calls them in a thread. Each may be absent
on a machine, and what is absent raises `Unavailable` in words instead of answering emptily.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sentinel_node.domain.diagnosis import Diagnosis
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.kernel import KernelPage, KernelQuery
from sentinel_node.domain.probes import Finding, ProbePlan, ProbeReport
from sentinel_node.domain.processes import HostProcess
from sentinel_node.domain.telemetry import GpuSample


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come."""

    done: int
    """Launches ended, of `total`; what counts as one is the probe's matter."""
    total: int
    """0 where nobody can say yet."""
    stage: str = ""
    """What it does now, in a few words."""


class ProbeWatch(Protocol):
    """Who follows a run. Called from the thread that probes, between launches; must not wait."""

    @property
    def is_stopped(self) -> bool:
        """Whether the run is no longer wanted: nothing more is launched then, and the rest is NOT_RUN."""
        ...

    def progressed(self, progress: Progress) -> None:
        """Hear how far it has come."""
        ...

    def found(self, finding: Finding) -> None:
        """Hear a finding as soon as it stands; the report holds it as well."""
        ...


class Prober(Protocol):
    """Runs probes."""

    def gpus(self) -> tuple[GpuIdentity, ...]:
        """Every GPU that probes can run on, in order of index.

        Raises:
            Unavailable: no driver, or no CUDA.
        """
        ...

    def run(self, plan: ProbePlan, watch: ProbeWatch) -> ProbeReport:
        """Carry out one plan; what a launch came to, errors included, is in the report.

        Raises:
            NotFound: there is no such GPU.
            Invalid: the plan asks for what this kind or this GPU does not have.
            Refused: MIG is on.
            Unavailable: the GPU cannot be reached at all.
        """
        ...


class Telemetry(Protocol):
    """Reads the driver."""

    def samples(self) -> tuple[GpuSample, ...]:
        """Every GPU now, in order of index; one that the driver has lost says so.

        Raises:
            Unavailable: no driver.
        """
        ...


class KernelLog(Protocol):
    """Reads the kernel's log."""

    def read(self, query: KernelQuery) -> KernelPage:
        """The lines that are wanted, the newest `query.limit`, oldest first.

        Raises:
            Unavailable: neither the kernel's buffer nor a journal can be read.
            NotFound: a boot that is not kept.
        """
        ...


@dataclass(frozen=True, slots=True)
class DiagnosticName:
    """A question that can be asked."""

    name: str
    """Lower case and underscores, e.g. ``pcie_links``."""
    description: str
    """One sentence: what the answer tells."""


class Diagnostics(Protocol):
    """Answers questions that have a name; nothing else of the machine can be asked."""

    def names(self) -> tuple[DiagnosticName, ...]:
        """What can be asked here, in order of names."""
        ...

    def diagnose(self, name: str) -> Diagnosis:
        """Answer one.

        Raises:
            NotFound: there is none of this name.
            Unavailable: what it looks at is missing on this machine.
        """
        ...


class Processes(Protocol):
    """Who holds GPUs."""

    def describe(self, pids: tuple[int, ...]) -> tuple[HostProcess, ...]:
        """What is known of these processes; one that has ended meanwhile is left out."""
        ...
