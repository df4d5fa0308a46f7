"""What the schedule knows of one GPU between two decisions: a value, replaced by the next. Times are seconds of one
monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.probes import Depth, ProbeKind, ProbePlan
from sentinel_node.domain.schedule import Entry, Schedule
from sentinel_node.scheduling.budget import Spent
from sentinel_node.scheduling.conditions import Heat

NEVER_S = float("-inf")


@dataclass(frozen=True, slots=True)
class KindState:
    """What is known of one probe on the GPU."""

    last_due_s: float
    """When its last run was due; the next is due one period later, so a late run does not shift those after it."""
    run: int
    """How many runs its rotation has behind it."""
    has_run: bool = False
    cost_s: float = 0.0
    """GPU seconds of a run: the mean of the last few."""
    answered_s: Mapping[int, float] = field(default_factory=dict)
    """By SM, when it last passed or failed."""
    missed: tuple[int, ...] = ()
    """SMs of the last run on which no block was seen: the next run asks them again."""
    examined_s: float = NEVER_S
    """When a failure was last looked at again."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A failure is to be looked at once more."""

    entry: Entry
    sms: tuple[int, ...]
    at_s: float
    attempt: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class GpuState:
    """See the module."""

    gpu: GpuIdentity
    kinds: Mapping[ProbeKind, KindState]
    sm_count: int = 0
    """0 until the first report."""
    heat: Heat = Heat.COOL
    spent: Spent = ()
    follow_ups: tuple[FollowUp, ...] = ()
    """In their order."""
    timeouts: int = 0
    """In a row."""
    resting_until_s: float = NEVER_S


@dataclass(frozen=True, slots=True)
class Due:
    """A run whose time has come."""

    entry: Entry
    since_s: float
    sms: tuple[int, ...]
    depth: Depth
    deadline_s: float
    """From its start."""
    period_s: float
    """In force, with everything that makes it longer."""
    attempt: int = 0
    """Over 0: it looks at a failure again."""

    def plan(self, gpu_uuid: str, seed: int) -> ProbePlan:
        """What the probes are asked."""
        return ProbePlan(
            kind=self.entry.kind,
            gpu_uuid=gpu_uuid,
            seed=seed,
            depth=self.depth,
            sms=self.sms,
            deadline_s=self.deadline_s,
        )


def begun(gpu: GpuIdentity, schedule: Schedule, now_s: float) -> GpuState:
    """A GPU of which nothing is known yet."""
    return GpuState(gpu, {entry.kind: kind_begun(gpu.uuid, entry, now_s) for entry in schedule})


def kind_begun(gpu_uuid: str, entry: Entry, now_s: float) -> KindState:
    """A probe before its first run.

    The first is due at a point of its period that only GPU and probe decide: agents that start together do not beat
    together, and one that starts again keeps to its place. The same draw says with which SMs the rotation begins.
    """
    drawn = sha256(f"{gpu_uuid} {entry.kind}".encode()).digest()
    phase = int.from_bytes(drawn[:8]) / 2**64
    return KindState(last_due_s=now_s - (1 - phase) * entry.period_s, run=drawn[8])


def with_heat(state: GpuState, heat: Heat) -> GpuState:
    """The state of a GPU whose temperature was looked at."""
    return state if heat is state.heat else replace(state, heat=heat)
