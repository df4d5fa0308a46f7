"""What is to run: the schedule, what the gateway changes of it for a while, and the budget. Pure but for its log.

An override never touches the schedule. It lies over it until its time is over, so the schedule comes back by itself,
also where a second override took the first one's place, and also where the probe was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from sentinel_node.domain.probes import ProbeKind
from sentinel_node.domain.schedule import Entry, Override, Schedule

log = structlog.get_logger(__name__)

LONGEST_S = 86_400.0
"""Of an override: one that lasted for years would be a schedule, and a probe that it stops would never be missed."""


@dataclass(frozen=True, slots=True)
class Held:
    """An override in force."""

    period_s: float
    until_s: float
    """By the same clock as everything here."""


@dataclass(frozen=True, slots=True)
class InForce:
    """How one probe runs just now."""

    entry: Entry
    period_s: float
    is_asked_for: bool = False
    """The gateway wants it at least as often as the schedule has it: it does not yield to a busy GPU."""


@dataclass(frozen=True, slots=True)
class Orders:
    """See the module."""

    schedule: Schedule
    budget_pct: float
    held: Mapping[ProbeKind, Held] = field(default_factory=dict)

    def with_override(self, override: Override, now_s: float) -> Orders:
        """The orders after an override, of `LONGEST_S` at most; it takes the place of an earlier one of its probe."""
        if override.duration_s > LONGEST_S:
            fields = {"asked_s": override.duration_s, "granted_s": LONGEST_S}
            log.warning("schedule.override_shortened", probe=override.kind, **fields)
        until_s = now_s + min(override.duration_s, LONGEST_S)
        return replace(self, held={**self.held, override.kind: Held(override.period_s, until_s)})

    def in_force(self, now_s: float) -> tuple[InForce, ...]:
        """What runs at `now_s`; a probe that is stopped is left out."""
        return tuple(one for entry in self.schedule if (one := self._in_force(entry, now_s)) is not None)

    def next_change_s(self, now_s: float) -> float | None:
        """When the next override is over; None where none is in force."""
        return min((held.until_s for held in self.held.values() if held.until_s > now_s), default=None)

    def _in_force(self, entry: Entry, now_s: float) -> InForce | None:
        held = self.held.get(entry.kind)
        if held is None or now_s >= held.until_s:
            return InForce(entry, entry.period_s)
        if held.period_s <= 0:
            return None
        return InForce(entry, held.period_s, is_asked_for=held.period_s <= entry.period_s)
