"""Who is admitted to an investigation of its own: one per node and kind within the cool-down.

The cool-down runs from when an investigation was last asked for. What comes within it waits and is looked at again when
it ends, because a condition that stays bad is not reported twice. Something more urgent than what was investigated
passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.domain.incident_record import CoolDownStamp, TriggerState, Urgency
from gcm_sentinel.domain.triage_changes import RuleOn
from gcm_sentinel.triage.moments import end_of
from gcm_sentinel.triage.pending import Problem
from gcm_sentinel.triage.policy import Policy


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a problem must wait, and why."""

    problem: Problem
    until: datetime
    reason: str

    def ruling(self) -> RuleOn:
        """As a change."""
        return RuleOn((self.problem.id,), TriggerState.HELD, self.reason, self.until)


class CoolDowns:
    """When each node and kind was last investigated, and how urgent it seemed."""

    def __init__(self, stamps: Iterable[CoolDownStamp], policy: Policy, now: datetime) -> None:
        self._length = policy.cooldown
        self._now = now
        self._stamps: dict[tuple[str, str], CoolDownStamp] = {}
        for stamp in sorted(stamps, key=lambda stamp: stamp.at):
            self._stamps[stamp.node, stamp.kind] = stamp

    def holds(self, problems: Iterable[Problem], urgency: Urgency | None = None) -> list[Hold]:
        """Those of `problems` that must wait. `urgency` is that of all of them together; None for each one's own."""
        found = (self._hold(problem, problem.urgency if urgency is None else urgency) for problem in problems)
        return [hold for hold in found if hold is not None]

    def _hold(self, problem: Problem, urgency: Urgency) -> Hold | None:
        stamp = self._stamps.get((problem.node, problem.kind))
        if stamp is None or urgency < stamp.urgency:
            return None
        until = end_of(stamp.at, self._length, self._now)
        if until <= self._now:
            return None
        left = (until - self._now).total_seconds()
        return Hold(problem, until, f"cool-down of {problem.node}/{problem.kind}: {left:.0f} s left")
