"""Storms: several nodes with one cause, and which problems and young incidents are part of each.

The nodes affected are those of the problems at hand and of incidents so young that nobody has looked at them, so that
the outcome does not depend on how a storm was cut into batches. What was bad for long when it was first seen (an agent
that was just installed, or was away) counts with what began at the same time and not with what was seen at the same
time: three nodes of a rack that broke in three different weeks are no storm. Each line of fault is explained by itself
(see `groups`); what is explained by the same group is one storm, and so is the effect of a larger one: nodes of a dead
switch that lose their kubelet are no cause of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gcm_sentinel.domain.incident_record import IncidentRecord, Symptom
from gcm_sentinel.domain.topology import TopologyView
from gcm_sentinel.domain.trigger import FaultScope
from gcm_sentinel.triage.families import FOLLOWING_LINES, family_of, goes_along, line_of, lines_of
from gcm_sentinel.triage.groups import explain, takes_members_down
from gcm_sentinel.triage.homes import is_group
from gcm_sentinel.triage.pending import Problem, follows_from_anything
from gcm_sentinel.triage.policy import Policy


@dataclass(frozen=True, slots=True)
class Cause:
    """A group of the fleet that explains affected nodes."""

    scope: FaultScope
    lines: frozenset[str]
    """The lines of fault it explains."""
    nodes: frozenset[str]


@dataclass(slots=True)
class Storm:
    """A cause and what is part of it."""

    cause: Cause
    problems: list[Problem] = field(default_factory=list)
    incidents: list[IncidentRecord] = field(default_factory=list)
    """Young ones that turn out to be part of it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What folding across nodes is decided from."""

    problems: Sequence[Problem]
    young: Sequence[IncidentRecord]
    """Incidents nobody has looked at yet."""
    symptoms: Sequence[Symptom]
    """What is wrong now; of the young incidents it says which node has which symptom."""


def find_storms(evidence: Evidence, fleet: TopologyView, policy: Policy) -> tuple[Storm, ...]:
    """The storms in the evidence, the largest first; each problem and incident is part of one at most."""
    storms = tuple(Storm(cause) for cause in find_causes(_affected(evidence, policy.burst), fleet, policy))
    if not storms:
        return ()
    sorter = _Sorter(storms, fleet)
    for problem in evidence.problems:
        if (storm := sorter.of_problem(problem)) is not None:
            storm.problems.append(problem)
    for incident in evidence.young:
        if (storm := sorter.of_incident(incident)) is not None:
            storm.incidents.append(incident)
    return storms


def find_causes(affected: Iterable[tuple[str, set[str]]], fleet: TopologyView, policy: Policy) -> tuple[Cause, ...]:
    """The groups that explain the affected nodes of each line and burst, the one with the most nodes first."""
    by_scope: dict[FaultScope, Cause] = {}
    for line, nodes in affected:
        for found in explain(nodes, fleet, min_nodes=policy.min_nodes, min_share=policy.min_share):
            known = by_scope.get(found.scope, Cause(found.scope, frozenset(), frozenset()))
            by_scope[found.scope] = Cause(found.scope, known.lines | {line}, known.nodes | found.nodes)
    ordered = sorted(by_scope.values(), key=lambda cause: (-len(cause.nodes), cause.scope))
    return _without_effects(ordered, fleet)


def _without_effects(causes: Iterable[Cause], fleet: TopologyView) -> tuple[Cause, ...]:
    """A cause whose every node is in a larger failing group, and whose symptoms may follow from that, becomes part."""
    kept: list[Cause] = []
    for cause in causes:
        larger = _larger(cause, kept, fleet) if cause.lines <= FOLLOWING_LINES else None
        if larger is None:
            kept.append(cause)
        else:
            kept[larger] = replace(
                kept[larger], lines=kept[larger].lines | cause.lines, nodes=kept[larger].nodes | cause.nodes
            )
    return tuple(kept)


def _larger(cause: Cause, kept: Sequence[Cause], fleet: TopologyView) -> int | None:
    for position, other in enumerate(kept):
        inside = all(other.scope in fleet.groups_of.get(node, ()) for node in cause.nodes)
        if inside and takes_members_down(other.scope, fleet):
            return position
    return None


@dataclass(frozen=True, slots=True)
class _Seen:
    """A symptom of one line on one node."""

    node: str
    onset: datetime
    seen_at: datetime


def _affected(evidence: Evidence, burst: timedelta) -> Iterable[tuple[str, set[str]]]:
    """Each line with the nodes that had a symptom of it in one burst."""
    by_line: dict[str, list[_Seen]] = {}
    for problem in evidence.problems:
        seen_at = problem.stored.stored_at
        by_line.setdefault(problem.line, []).append(_Seen(problem.node, min(problem.onset, seen_at), seen_at))
    young = {incident.id: incident for incident in evidence.young}
    for symptom in evidence.symptoms:
        if (incident := young.get(symptom.incident_id or "")) is not None:
            seen_at = incident.last_trigger_at
            seen = _Seen(symptom.node, min(symptom.since, seen_at), seen_at)
            by_line.setdefault(line_of(symptom.kind), []).append(seen)
    for line, symptoms in by_line.items():
        for nodes in _by_onset(symptoms, burst):
            yield line, nodes


def _by_onset(symptoms: Iterable[_Seen], burst: timedelta) -> Iterable[set[str]]:
    """The nodes whose symptoms began together. What was new when it was seen is one burst, whatever clock dated it."""
    runs: list[list[_Seen]] = []
    for seen in sorted(symptoms, key=lambda seen: seen.onset):
        if not runs or seen.onset - runs[-1][-1].onset > burst:
            runs.append([])
        runs[-1].append(seen)
    new: set[str] = set()
    for run in runs:
        nodes = {seen.node for seen in run}
        if any(seen.seen_at - seen.onset <= burst for seen in run):
            new |= nodes
        else:
            yield nodes
    if new:
        yield new


class _Sorter:
    """Finds the storm of a problem or incident."""

    def __init__(self, storms: Sequence[Storm], fleet: TopologyView) -> None:
        self._fleet = fleet
        self._by_symptom: dict[tuple[str, str], Storm] = {}
        self._by_node: dict[str, list[Storm]] = {}
        self._by_scope = {storm.cause.scope: storm for storm in storms}
        self._shared = {storm.cause.scope: storm for storm in storms if takes_members_down(storm.cause.scope, fleet)}
        for storm in storms:
            for node in storm.cause.nodes:
                self._by_node.setdefault(node, []).append(storm)
                for line in storm.cause.lines:
                    self._by_symptom.setdefault((line, node), storm)

    def of_problem(self, problem: Problem) -> Storm | None:
        """By its line on its node, else with the node's other symptoms, else as an effect on a member of the group."""
        if (storm := self._by_symptom.get((problem.line, problem.node))) is not None:
            return storm
        for storm in self._by_node.get(problem.node, ()):
            if goes_along(problem.family, storm.cause.lines):
                return storm
        if not follows_from_anything(problem):
            return None
        around = (self._shared.get(scope) for scope in self._fleet.groups_of.get(problem.node, ()))
        return next((storm for storm in around if storm is not None), None)

    def of_incident(self, incident: IncidentRecord) -> Storm | None:
        """Its own group's storm, else the one that most of its nodes are part of.

        An incident of one node with a symptom that no storm explains stays apart, lest that be overlooked.
        """
        if (storm := self._by_scope.get(incident.scope)) is not None:
            return storm
        lines = lines_of(incident.kinds, incident.families)
        votes = Counter(scope for node in incident.nodes for scope in self._scopes_of(node, lines))
        for scope, count in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0])):
            storm = self._by_scope[scope]
            if count * 2 > len(incident.nodes) and (is_group(incident) or self._explains(storm, incident)):
                return storm
        return None

    def _explains(self, storm: Storm, incident: IncidentRecord) -> bool:
        """Whether every kind of symptom of one node goes along with `storm` or is explained by another."""
        return all(
            goes_along(family_of(kind), storm.cause.lines) or (line_of(kind), incident.scope.key) in self._by_symptom
            for kind in incident.kinds
        )

    def _scopes_of(self, node: str, lines: Iterable[str]) -> set[FaultScope]:
        storms = (self._by_symptom.get((line, node)) for line in lines)
        return {storm.cause.scope for storm in storms if storm is not None}
