"""Folding: one decision over everything that waits, from a snapshot to the changes that follow from it.

`decide` is a pure function of what is stored, the fleet's groups, the settings and the time, so that any replica may
decide, any decision can be replayed, and a storm comes out the same however it was cut into batches. It works through
the problems in an order in which each step leaves fewer: what belongs to an investigated incident joins it at once;
what several nodes share becomes one storm; what goes with a young incident of its node joins that; what is left opens
incidents of single nodes, or is held. Then time passes for the incidents nothing joined. The rules in prose, with
their reasons: ``docs/folding.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from gcm_sentinel.domain.incident_record import IncidentRecord, IncidentState, TriggerState, Why
from gcm_sentinel.domain.topology import TopologyView
from gcm_sentinel.domain.triage_changes import Investigate, Merge, OpenIncident, RuleOn, TriageChange, TriageSnapshot
from gcm_sentinel.domain.trigger import NODE, FaultScope, Incident, Trigger
from gcm_sentinel.triage.admission import CoolDowns
from gcm_sentinel.triage.families import related_on_a_node
from gcm_sentinel.triage.homes import Home, Homes
from gcm_sentinel.triage.lifecycle import joined, next_moment, passed
from gcm_sentinel.triage.pending import Problem, sift
from gcm_sentinel.triage.policy import Policy
from gcm_sentinel.triage.settling import settled_at
from gcm_sentinel.triage.storms import Evidence, Storm, find_storms
from gcm_sentinel.triage.urgency import together


def decide(snapshot: TriageSnapshot, fleet: TopologyView, policy: Policy, now: datetime) -> tuple[TriageChange, ...]:
    """What changes now; empty when nothing does until something new is stored or `next_due` has come.

    Each trigger whose time has come appears in exactly one change, and applied, the changes leave nothing to say about
    the same triggers.
    """
    return _Decision(snapshot, fleet, policy, now).changes()


def next_due(snapshot: TriageSnapshot, policy: Policy, now: datetime) -> datetime | None:
    """When `decide` would say something though nothing new is stored; None when never.

    For a snapshot about which `decide` says nothing now; after changes were applied, look at a new one first.
    """
    moments = [settled_at(snapshot.pending, policy, now)]
    moments += [stored.hold_until for stored in snapshot.pending if stored.state is TriggerState.HELD]
    standing = (incident for incident in snapshot.incidents if incident.state is not IncidentState.CLOSED)
    moments += [next_moment(incident, policy, now) for incident in standing]
    return min((moment for moment in moments if moment is not None), default=None)


class _Decision:
    """One decision while it is made."""

    def __init__(self, snapshot: TriageSnapshot, fleet: TopologyView, policy: Policy, now: datetime) -> None:
        self._symptoms = snapshot.symptoms
        self._fleet = fleet
        self._policy = policy
        self._now = now
        self._homes = Homes(snapshot.incidents, fleet, policy, now)
        self._cooldowns = CoolDowns(snapshot.stamps, policy, now)
        sifted = sift(snapshot, policy, now)
        self._problems = sifted.problems
        self._rulings: list[RuleOn] = [*sifted.rulings]
        self._opened: list[TriageChange] = []
        self._merged: dict[str, Merge] = {}
        self._joins: dict[str, list[Problem]] = {}
        self._home_of: dict[int, Home] = {}
        settled = settled_at((problem.stored for problem in sifted.problems), policy, now)
        self._is_settled = settled is not None and settled <= now

    def changes(self) -> tuple[TriageChange, ...]:
        """All of them, in the order in which they can be applied."""
        left = self._join_firmly(self._problems)
        left = self._fold_storms(left)
        left = self._join(left)
        self._open_on_nodes([problem for problem in left if self._is_due(problem)])
        return (*self._rulings, *self._opened, *self._merged.values(), *self._lives())

    def _is_due(self, problem: Problem) -> bool:
        return self._is_settled or problem.waited

    def _join_firmly(self, problems: Iterable[Problem]) -> list[Problem]:
        """Join what belongs to an incident that is no longer young; the rest is left."""
        left: list[Problem] = []
        for problem in problems:
            home = self._homes.of(problem)
            if home is not None and self._homes.is_firm(home):
                self._joins.setdefault(home.incident.id, []).append(problem)
                continue
            if home is not None:
                self._home_of[problem.id] = home
            left.append(problem)
        return left

    def _fold_storms(self, problems: Sequence[Problem]) -> list[Problem]:
        """Fold what nodes share; what is left is no part of a storm."""
        ready = [problem for problem in problems if self._is_due(problem) or problem.id in self._home_of]
        young = [incident for incident in self._homes.standing if self._homes.is_young(incident)]
        done: set[int] = set()
        for storm in find_storms(Evidence(ready, young, self._symptoms), self._fleet, self._policy):
            if storm.problems:
                self._fold(storm)
                done.update(problem.id for problem in storm.problems)
        return [problem for problem in problems if problem.id not in done]

    def _fold(self, storm: Storm) -> None:
        into = self._homes.about(storm.cause.scope)
        if into is not None and into.id not in self._merged:
            self._joins.setdefault(into.id, []).extend(storm.problems)
            self._merge(storm.incidents, into.id)
            return
        urgency = together((problem.urgency for problem in storm.problems), storm.cause.scope)
        holds = self._cooldowns.holds(storm.problems, urgency)
        known = storm.incidents or any(problem.id in self._home_of for problem in storm.problems)
        if len(holds) == len(storm.problems) and not known:
            self._rulings += [hold.ruling() for hold in holds]
            return
        self._merge(storm.incidents, self._open(storm.cause.scope, storm.problems, storm.incidents))

    def _merge(self, incidents: Iterable[IncidentRecord], into: str) -> None:
        for incident in incidents:
            if incident.id != into:
                self._merged[incident.id] = Merge(incident.id, into, self._now)

    def _join(self, problems: Iterable[Problem]) -> list[Problem]:
        """Join what goes with an incident that was not merged away; the rest is left."""
        left: list[Problem] = []
        for problem in problems:
            home = self._home_of.get(problem.id)
            if home is None or home.incident.id in self._merged:
                left.append(problem)
            else:
                self._joins.setdefault(home.incident.id, []).append(problem)
        return left

    def _open_on_nodes(self, problems: Iterable[Problem]) -> None:
        """Open incidents of single nodes; where everything of one must wait, it is held."""
        by_node: dict[str, list[Problem]] = {}
        for problem in problems:
            by_node.setdefault(problem.node, []).append(problem)
        for node, found in by_node.items():
            for burst in _bursts(found, self._policy.settle):
                holds = self._cooldowns.holds(burst)
                if len(holds) == len(burst):
                    self._rulings += [hold.ruling() for hold in holds]
                else:
                    self._open(FaultScope(NODE, node), burst, ())

    def _open(self, scope: FaultScope, problems: Sequence[Problem], merging: Sequence[IncidentRecord]) -> str:
        ordered = sorted(problems, key=Problem.lead_order)
        urgencies = [*(problem.urgency for problem in ordered), *(incident.urgency for incident in merging)]
        urgency = together(urgencies, scope)
        id_ = new_id(scope, ordered[0].stored.trigger)
        ids = tuple(problem.id for problem in ordered)
        self._opened.append(OpenIncident(id_, scope, urgency, self._now, ids))
        self._opened.append(Investigate(id_, 1, Why.OPENED, urgency, self._now))
        return id_

    def _lives(self) -> list[TriageChange]:
        """What follows for the incidents already there, with what joined them and with time."""
        wrong = self._homes.still_wrong(self._symptoms)
        changes: list[TriageChange] = []
        for incident in self._homes.standing:
            if incident.id in self._merged:
                continue
            if problems := self._joins.get(incident.id):
                changes += joined(incident, problems, self._policy, self._now)
            else:
                changes += passed(incident, self._policy, self._now, wrong=incident.id in wrong)
        return changes


def _bursts(problems: Iterable[Problem], settle: timedelta) -> list[list[Problem]]:
    """Problems of one node, parted: together what was stored at one moment, and what is related to it."""
    left = sorted(problems, key=lambda problem: (problem.stored.stored_at, problem.id))
    found: list[list[Problem]] = []
    while left:
        moment_ends = left[0].stored.stored_at + settle
        families = {problem.family for problem in left if problem.stored.stored_at <= moment_ends}
        burst = [
            problem
            for problem in left
            if problem.stored.stored_at <= moment_ends or related_on_a_node(problem.family, families)
        ]
        found.append(burst)
        left = [problem for problem in left if problem not in burst]
    return found


def new_id(scope: FaultScope, lead: Trigger) -> str:
    """``inc-…``, the same for the same scope and lead.

    The fingerprint alone would not do: a condition that nobody dates has the same one each time it goes bad.
    """
    text = "\x1f".join((scope.kind, scope.key, lead.fingerprint, lead.observed_at.isoformat()))
    return f"inc-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def fold(triggers: Iterable[Trigger], now: datetime) -> tuple[Incident, ...]:
    """One incident per node, for triggers that are not stored: an investigation by hand. In order of onset."""
    by_node: dict[str, list[Trigger]] = {}
    for trigger in triggers:
        by_node.setdefault(trigger.node, []).append(trigger)
    groups = [tuple(sorted(group, key=_onset)) for group in by_node.values()]
    return tuple(Incident(incident_id(group), group, now) for group in sorted(groups, key=lambda g: _onset(g[0])))


def incident_id(triggers: tuple[Trigger, ...]) -> str:
    """``inc-…``, the same for the same triggers."""
    text = "\x1f".join(sorted(trigger.fingerprint for trigger in triggers))
    return f"inc-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _onset(trigger: Trigger) -> tuple[datetime, str]:
    return (trigger.transition_at or trigger.observed_at, trigger.kind)
