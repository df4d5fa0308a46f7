"""What the workers are given, and how they stop a run that nobody wants any more."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.leases import Leases
from sentinel_node.domain.metrics import Metrics
from sentinel_node.domain.probes import Finding, ProbeReport
from sentinel_node.domain.seams import Prober, Progress
from sentinel_node.domain.telemetry import GpuSample

Report = Callable[[ProbeReport, GpuIdentity], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """See the fields."""

    prober: Prober
    leases: Leases
    """Shared with everybody else who runs probes."""
    latest: Callable[[str], GpuSample | None]
    """The newest reading of a GPU, by UUID; it may be some seconds old."""
    read: Callable[[], Awaitable[tuple[GpuSample, ...]]]
    """All GPUs as they are now; raises as the driver's reader does."""
    report: Report
    """Told every report."""
    metrics: Metrics
    monotonic_s: Callable[[], float]
    unix_ns: Callable[[], int]
    seed: Callable[[], int]
    """A new one for every run, 0 to 2**64 - 1: a fault that strikes some operands only is met sooner or later."""
    own_pid: int
    probe_pids: Callable[[], frozenset[int]] = frozenset
    """The processes that probes run in, where those are others."""


class Watch:
    """A `ProbeWatch` that only knows how to stop."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Launch nothing more."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is to be launched."""
        return self._stopped.is_set()

    def progressed(self, progress: Progress) -> None:
        """Nobody looks at the progress of a scheduled run."""

    def found(self, finding: Finding) -> None:
        """The report has it as well."""
