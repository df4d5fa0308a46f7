"""What waits for a decision: problems that still need one, and what is ruled on without folding.

Recoveries are never folded: they are noted, and what they mean for an incident is read from what is wrong now. A
problem whose recovery is stored before anyone looked at it is noted with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.globs import matches
from gcm_sentinel.domain.incident_record import StoredTrigger, Symptom, TriggerState, Urgency
from gcm_sentinel.domain.triage_changes import RuleOn, TriageSnapshot
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.triage.families import FOLLOW_ON, family_of, line_of
from gcm_sentinel.triage.policy import Policy
from gcm_sentinel.triage.urgency import urgency_of

_Subject: TypeAlias = tuple[str, str, str, str, str]
"""What an observation is about, as storage tells symptoms apart: a node made anew under its old name is another."""

SHORT_LIVED = "recovered before it was looked at"
RECOVERED = "recovered"
GONE_WHILE_HELD = "not wrong any more when its wait was over"


@dataclass(frozen=True, slots=True)
class Problem:
    """A trigger that needs a decision, with what folding asks of it."""

    stored: StoredTrigger
    family: Family
    line: str
    urgency: Urgency

    @classmethod
    def of(cls, stored: StoredTrigger) -> Problem:
        """From a stored trigger."""
        kind = stored.trigger.kind
        return cls(stored, family_of(kind), line_of(kind), urgency_of(stored.trigger))

    @property
    def id(self) -> int:
        """Its id in storage."""
        return self.stored.id

    @property
    def node(self) -> str:
        """The node it is about."""
        return self.stored.trigger.node

    @property
    def kind(self) -> str:
        """Condition type or alert name."""
        return self.stored.trigger.kind

    @property
    def waited(self) -> bool:
        """Whether it was held before: it has gathered company long enough."""
        return self.stored.state is TriggerState.HELD

    @property
    def onset(self) -> datetime:
        """Since when it is bad, as far as anybody says."""
        return self.stored.trigger.transition_at or self.stored.trigger.observed_at

    def lead_order(self) -> tuple[datetime, Urgency, str, str, str]:
        """Sorts the trigger that leads to the front: the earliest onset, then the most urgent."""
        trigger = self.stored.trigger
        return (self.onset, self.urgency, trigger.node, trigger.kind, trigger.gpu_uuid or "")


def follows_from_anything(problem: Problem) -> bool:
    """Whether it may be the effect of another fault: of such a family, or a checker that could not tell."""
    return problem.family in FOLLOW_ON or problem.stored.trigger.status is TriggerStatus.UNKNOWN


@dataclass(frozen=True, slots=True)
class Sifted:
    """Pending triggers, parted."""

    problems: tuple[Problem, ...]
    rulings: tuple[RuleOn, ...]


def sift(snapshot: TriageSnapshot, policy: Policy, now: datetime) -> Sifted:
    """Part what must be folded or admitted from what is ruled on as it is."""
    rulings: list[RuleOn] = []
    waiting = _without_recovered(_looked_at(snapshot.pending, now), rulings)
    wrong = {_subject_of_symptom(symptom) for symptom in snapshot.symptoms}
    problems: list[Problem] = []
    refused: list[StoredTrigger] = []
    gone: list[StoredTrigger] = []
    for stored in waiting:
        if not is_allowed(stored.trigger.node, policy):
            refused.append(stored)
        elif stored.state is TriggerState.HELD and _subject(stored.trigger) not in wrong:
            gone.append(stored)
        else:
            problems.append(Problem.of(stored))
    rulings += [*_refusals(refused), *_noted((stored.id for stored in gone), GONE_WHILE_HELD)]
    return Sifted(tuple(problems), tuple(rulings))


def is_allowed(node: str, policy: Policy) -> bool:
    """Whether the operator's list of nodes covers `node`."""
    return not policy.allowlist or matches(node, policy.allowlist)


def _looked_at(pending: Iterable[StoredTrigger], now: datetime) -> list[StoredTrigger]:
    """In the order they were stored, without those that are held for longer."""
    due = [stored for stored in pending if stored.hold_until is None or stored.hold_until <= now]
    return sorted(due, key=lambda stored: stored.id)


def _without_recovered(pending: Iterable[StoredTrigger], rulings: list[RuleOn]) -> list[StoredTrigger]:
    """The problems that no later recovery took back; recoveries and what they took back are ruled on."""
    open_problems: dict[_Subject, list[StoredTrigger]] = {}
    short_lived: list[int] = []
    recovered: list[int] = []
    for stored in pending:
        problems = open_problems.setdefault(_subject(stored.trigger), [])
        if stored.trigger.status is not TriggerStatus.RECOVERED:
            problems.append(stored)
        elif problems:
            short_lived += [*(problem.id for problem in problems), stored.id]
            problems.clear()
        else:
            recovered.append(stored.id)
    rulings += [*_noted(short_lived, SHORT_LIVED), *_noted(recovered, RECOVERED)]
    left = [stored for problems in open_problems.values() for stored in problems]
    return sorted(left, key=lambda stored: stored.id)


def _refusals(refused: Iterable[StoredTrigger]) -> list[RuleOn]:
    by_node: dict[str, list[int]] = {}
    for stored in refused:
        by_node.setdefault(stored.trigger.node, []).append(stored.id)
    return [
        RuleOn(tuple(ids), TriggerState.REFUSED, f"node {node} is not covered by GCM_SENTINEL_NODE_ALLOWLIST")
        for node, ids in by_node.items()
    ]


def _noted(ids: Iterable[int], reason: str) -> list[RuleOn]:
    found = tuple(ids)
    return [RuleOn(found, TriggerState.NOTED, reason)] if found else []


def _subject(trigger: Trigger) -> _Subject:
    return (trigger.source, trigger.node, trigger.node_uid or "", trigger.kind, trigger.gpu_uuid or "")


def _subject_of_symptom(symptom: Symptom) -> _Subject:
    return (symptom.source, symptom.node, symptom.node_uid or "", symptom.kind, symptom.gpu_uuid)
