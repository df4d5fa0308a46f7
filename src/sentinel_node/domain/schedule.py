"""How often which probe runs: schedules, the three that ship, and what may change one while the agent runs.

Periods, shares, priorities and timeouts are those of the three published schedules of SENTINEL (`default.yaml`,
`aggressive.yaml`, `low_overhead.yaml`). A share is of the SMs in one period: a quarter means that every SM is met
within four periods.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.probes import Depth, ProbeKind

DEFAULT_BUDGET_PCT = 2.0
"""Of each GPU's time; the reference's ``overhead_budget_pct``."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How one probe runs on every GPU of the node."""

    kind: ProbeKind
    period_s: float
    share: float = 1.0
    """Of the SMs in one period, over 0 to 1. A memory probe belongs to no SM: how much it takes is the probe's own."""
    priority: int = 1
    """Lower goes first where several are due."""
    timeout_s: float = 60.0
    """Of one run over all its SMs."""
    depth: Depth = Depth.LIGHT
    """A deep one runs light wherever the GPU is not known to be idle and cool."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.period_s) and self.period_s > 0):
            raise Invalid(f"the period of {self.kind} must be over 0 seconds, not {self.period_s!r}")
        if not 0 < self.share <= 1:
            raise Invalid(f"the share of SMs of {self.kind} must be over 0 and at most 1, not {self.share!r}")
        if not (math.isfinite(self.timeout_s) and self.timeout_s > 0):
            raise Invalid(f"the timeout of {self.kind} must be over 0 seconds, not {self.timeout_s!r}")


Schedule: TypeAlias = tuple[Entry, ...]
"""At most one entry of a kind; a kind without one does not run."""


@dataclass(frozen=True, slots=True)
class Override:
    """Another period for one probe, for a while; what held before comes back by itself."""

    kind: ProbeKind
    period_s: float
    """0 stops the probe until the override is over."""
    duration_s: float


class Steering(Protocol):
    """Whoever runs the schedule, as those who change it see it."""

    def override(self, override: Override) -> None:
        """Let one probe run at another pace for a while; an earlier override of it is over."""

    def replace(self, schedule: Schedule) -> None:
        """Run another schedule from now on."""

    def limit(self, budget_pct: float) -> None:
        """Let probes take at most so much of each GPU's time, 0 to 100 percent."""


def checked(schedule: Iterable[Entry]) -> Schedule:
    """A schedule in which no kind stands twice.

    Raises:
        Invalid: one does.
    """
    entries = tuple(schedule)
    kinds = [entry.kind for entry in entries]
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
        raise Invalid(f"the schedule has {twice} twice: leave one of them")
    return entries


def _entries(*rows: tuple[ProbeKind, float, float, int, float]) -> Schedule:
    return tuple(Entry(kind, period, share, priority, timeout) for kind, period, share, priority, timeout in rows)


DEFAULT: Schedule = _entries(
    (ProbeKind.FMA, 60, 1.0, 1, 0.5),
    (ProbeKind.TENSOR_CORE, 60, 1.0, 1, 1.0),
    (ProbeKind.TRANSCENDENTAL, 120, 0.5, 2, 0.5),
    (ProbeKind.AES, 300, 0.25, 3, 2.0),
    (ProbeKind.MEMORY, 600, 1.0, 4, 5.0),
    (ProbeKind.REGISTER_FILE, 120, 1.0, 2, 0.5),
    (ProbeKind.SHARED_MEMORY, 300, 0.5, 3, 1.0),
)
"""Said to take 1 to 2 % of a GPU's time."""
AGGRESSIVE: Schedule = _entries(
    (ProbeKind.FMA, 30, 1.0, 1, 0.5),
    (ProbeKind.TENSOR_CORE, 30, 1.0, 1, 1.0),
    (ProbeKind.TRANSCENDENTAL, 60, 1.0, 1, 0.5),
    (ProbeKind.AES, 150, 0.5, 2, 2.0),
    (ProbeKind.MEMORY, 300, 1.0, 3, 5.0),
    (ProbeKind.REGISTER_FILE, 60, 1.0, 1, 0.5),
    (ProbeKind.SHARED_MEMORY, 150, 1.0, 2, 1.0),
)
"""Said to take 3 to 5 %: more than the default budget, which then stretches it."""
LOW_OVERHEAD: Schedule = _entries(
    (ProbeKind.FMA, 240, 0.25, 1, 0.5),
    (ProbeKind.TENSOR_CORE, 240, 0.25, 1, 1.0),
    (ProbeKind.TRANSCENDENTAL, 480, 0.25, 3, 0.5),
    (ProbeKind.AES, 1200, 0.125, 4, 2.0),
    (ProbeKind.MEMORY, 2400, 0.5, 5, 5.0),
    (ProbeKind.REGISTER_FILE, 480, 0.25, 3, 0.5),
    (ProbeKind.SHARED_MEMORY, 1200, 0.25, 4, 1.0),
)
"""Said to take less than 0.5 %."""
PRESETS: Mapping[str, Schedule] = {"default": DEFAULT, "aggressive": AGGRESSIVE, "low_overhead": LOW_OVERHEAD}
