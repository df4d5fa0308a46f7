"""What every probe is given while one plan runs: the device, what is left of the time, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sentinel_node.domain.probes import Finding, ProbeKind, ProbePlan
from sentinel_node.probes.device import Buffer, Device
from sentinel_node.probes.variant import Variant


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one variant is."""

    variant: str
    done: int
    total: int
    """In the same unit as `done`, repetitions or bytes."""


@dataclass(frozen=True, slots=True)
class Session:
    """One plan on one device."""

    device: Device
    plan: ProbePlan
    monotonic_s: Callable[[], float]
    started_s: float
    """By `monotonic_s`."""
    is_cancelled: Callable[[], bool]
    progress: Callable[[Progress], None]
    variants: int = 1
    """How many share the plan's time of soaking."""

    @property
    def soak_s(self) -> float:
        """For how long one variant goes on at least, from its own start."""
        return self.plan.soak_s / self.variants

    @property
    def elapsed_s(self) -> float:
        """Since the start."""
        return self.monotonic_s() - self.started_s

    @property
    def remaining_s(self) -> float:
        """Until the plan's deadline; not below 0."""
        return max(0.0, self.plan.deadline_s - self.elapsed_s)

    @contextmanager
    def buffers(self, *sizes_bytes: int) -> Iterator[tuple[Buffer, ...]]:
        """Device memory for the length of a `with`."""
        taken: list[Buffer] = []
        try:
            for size in sizes_bytes:
                taken.append(self.device.allocate(size))
            yield tuple(taken)
        finally:
            for buffer in reversed(taken):
                self.device.release(buffer)


@dataclass(frozen=True, slots=True)
class Ran:
    """What one variant came to."""

    findings: tuple[Finding, ...]
    device_lost: str = ""
    """Why nothing more can be asked of the device; empty where it can."""
    notes: tuple[str, ...] = ()
    unplaced: tuple[str, ...] = ()
    """See `ProbeReport`."""


class Probe(Protocol):
    """One kind of probe. It ends with findings in every case; device errors become ERROR or TIMEOUT."""

    @property
    def kind(self) -> ProbeKind:
        """Which."""

    @property
    def variants(self) -> tuple[Variant, ...]:
        """All of its kernels, for every architecture."""

    def run(self, session: Session, variant: Variant) -> Ran:
        """Run one variant to its end, the deadline or a cancel, whichever is first."""
