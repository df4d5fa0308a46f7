"""Which incident that is already there a problem belongs to.

A problem may have several bonds with several incidents; the strongest counts. A bond with an incident whose first
investigation is still ahead may yet be outdone, because the incident itself may turn out to be part of a larger one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.incident_record import IncidentRecord, IncidentState, InvestigationState, Symptom
from gcm_sentinel.domain.topology import TopologyView
from gcm_sentinel.domain.trigger import NODE, FaultScope
from gcm_sentinel.triage.families import goes_along, lines_of, related_on_a_node
from gcm_sentinel.triage.groups import takes_members_down
from gcm_sentinel.triage.moments import is_within
from gcm_sentinel.triage.pending import Problem, follows_from_anything
from gcm_sentinel.triage.policy import Policy

UNSTARTED = frozenset({None, InvestigationState.WANTED, InvestigationState.QUEUED})
"""States of the newest investigation in which it will still see whatever joins."""


class Bond(IntEnum):
    """What ties a problem to an incident, the strongest first."""

    SAME_KIND = 1
    """The same kind on the same node: the symptom changed or came back."""
    SAME_FAMILY = 2
    RELATED = 3
    """Another symptom of the same node that goes with it, within the burst."""
    LATE_MEMBER = 4
    """Another node of the failing group, within the burst."""
    SAME_MOMENT = 5
    """Nothing in common but node and moment, before an investigation began."""


_FIRM = frozenset({Bond.SAME_KIND, Bond.SAME_FAMILY, Bond.LATE_MEMBER})


@dataclass(frozen=True, slots=True)
class Home:
    """An incident a problem would join."""

    incident: IncidentRecord
    bond: Bond


def is_group(incident: IncidentRecord) -> bool:
    """Whether it is about a group of nodes."""
    return incident.scope.kind != NODE


class Homes:
    """The incidents that are not closed, found by node and by group."""

    def __init__(self, incidents: Iterable[IncidentRecord], fleet: TopologyView, policy: Policy, now: datetime) -> None:
        self.standing = tuple(incident for incident in incidents if incident.state is not IncidentState.CLOSED)
        self._fleet = fleet
        self._policy = policy
        self._now = now
        self._by_node: dict[str, list[IncidentRecord]] = {}
        self._by_group: dict[FaultScope, list[IncidentRecord]] = {}
        for incident in self.standing:
            for node in incident.nodes:
                self._by_node.setdefault(node, []).append(incident)
            if is_group(incident):
                self._by_group.setdefault(incident.scope, []).append(incident)

    def of(self, problem: Problem) -> Home | None:
        """Where `problem` would go, by the strongest bond; of equals an open incident, then the newest."""
        around = [*self._by_node.get(problem.node, ())]
        for scope in self._fleet.groups_of.get(problem.node, ()):
            around += (incident for incident in self._by_group.get(scope, ()) if problem.node not in incident.nodes)
        homes = [Home(incident, bond) for incident in around if (bond := self._bond(problem, incident)) is not None]
        return min(homes, key=_strength, default=None)

    def is_firm(self, home: Home) -> bool:
        """Whether nothing larger can claim the problem."""
        return home.bond in _FIRM and not self.is_young(home.incident)

    def is_young(self, incident: IncidentRecord) -> bool:
        """Whether it may still be merged: within its burst, and never assessed."""
        assessed = incident.severity is not None or incident.investigation is InvestigationState.DONE
        return not assessed and self.in_burst(incident)

    def in_burst(self, incident: IncidentRecord) -> bool:
        """Whether its last trigger is no longer ago than a burst lasts."""
        return is_within(incident.last_trigger_at, self._policy.burst, self._now)

    def about(self, scope: FaultScope) -> IncidentRecord | None:
        """The incident about a group that a new burst of it belongs to, the oldest if there are several."""
        found = [incident for incident in self._by_group.get(scope, ()) if self.in_burst(incident)]
        return min(found, key=lambda incident: (incident.opened_at, incident.id), default=None)

    def still_wrong(self, symptoms: Iterable[Symptom]) -> frozenset[str]:
        """Ids of the incidents something of which is wrong now.

        A symptom that belongs to no incident yet counts for one of its kind on its node: its trigger is about to join.
        """
        wrong: set[str] = set()
        for symptom in symptoms:
            if symptom.incident_id is not None:
                wrong.add(symptom.incident_id)
                continue
            around = self._by_node.get(symptom.node, ())
            wrong.update(incident.id for incident in around if symptom.kind in incident.kinds)
        return frozenset(wrong)

    def _bond(self, problem: Problem, incident: IncidentRecord) -> Bond | None:
        if problem.node not in incident.nodes:
            return Bond.LATE_MEMBER if self._is_late_member(problem, incident) else None
        if problem.kind in incident.kinds:
            return Bond.SAME_KIND
        recent = self.in_burst(incident)
        if _same_family(problem, incident) and (recent or not is_group(incident)):
            return Bond.SAME_FAMILY
        if recent and _is_related(problem, incident):
            return Bond.RELATED
        moment_ends = incident.opened_at + self._policy.settle
        if not is_group(incident) and incident.investigation in UNSTARTED and problem.stored.stored_at <= moment_ends:
            return Bond.SAME_MOMENT
        return None

    def _is_late_member(self, problem: Problem, incident: IncidentRecord) -> bool:
        """Within a cool-down of the last look: members that flap keep a burst alive, and nobody looks at who joins."""
        asked = incident.investigated_at or incident.opened_at
        looked_lately = is_within(asked, max(self._policy.cooldown, self._policy.burst), self._now)
        if not (looked_lately and self.in_burst(incident)):
            return False
        if _same_family(problem, incident):
            return True
        return follows_from_anything(problem) and takes_members_down(incident.scope, self._fleet)


def _same_family(problem: Problem, incident: IncidentRecord) -> bool:
    return problem.family is not Family.OTHER and problem.family in incident.families


def _is_related(problem: Problem, incident: IncidentRecord) -> bool:
    if is_group(incident):
        return goes_along(problem.family, lines_of(incident.kinds, incident.families))
    return related_on_a_node(problem.family, incident.families)


def _strength(home: Home) -> tuple[Bond, bool, float, str]:
    incident = home.incident
    return (
        home.bond,
        incident.state is not IncidentState.OPEN,
        -incident.last_trigger_at.timestamp(),
        incident.id,
    )
