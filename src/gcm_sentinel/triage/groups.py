"""Which groups of the fleet explain the affected nodes: one fault of a switch, a rack, a driver instead of a hundred.

Pure arithmetic over sets, in two steps. A group is a *candidate* when enough of its nodes are affected, in number and
as a share of the group, and it fits all affected nodes, or is no chance: in a fleet half of which is failing, half of
any group is. Three switches that fail at once, each a third of the affected nodes, are found that way. Of the
candidates the one that fits best wins, by the Jaccard index of its members with all affected nodes, which prefers the
whole switch to one of its racks and a rack that failed to the zone that holds it. Then its nodes are taken out and the
rest is looked at again; a node already explained speaks neither for nor against a second group it is in.

A group may win only because it holds several narrower ones that failed (a zone with three dead switches). So it yields
to groups of one key inside it that fit better together, if each further cause they need clears enough healthy nodes
of suspicion. A group that holds most of the fleet (everybody's driver version) yields at once, because being in it
together is no coincidence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.topology import SHARED_CAUSE, TOPOLOGY_KINDS, TopologyView
from gcm_sentinel.domain.trigger import FaultScope

_RANK = {kind: rank for rank, kind in enumerate(TOPOLOGY_KINDS)}
_BROAD_SHARE = 0.5
"""A group with more of the fleet than this is broad."""
_CLEARED_PER_CAUSE = 16
"""Healthy nodes that must be left out for each further cause before several narrow groups are preferred to a wide one:
that two racks under one switch fail by coincidence is less likely than that a switch spares a few nodes."""


_COHORTS = frozenset(
    {SHARED_CAUSE, "job", "rollout", "driver_version", "firmware_version", "kernel_version", "instance_type"}
)
"""Keys whose groups are alike but share no part: a fault of theirs shows on the nodes it hits and nowhere else."""
_SURPRISE = 4
"""Standard deviations above what the rest of the fleet lets expect: chance alone does that once in 30,000 groups."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A group and the affected nodes it explains."""

    scope: FaultScope
    nodes: frozenset[str]


@dataclass(slots=True)
class _Count:
    """A group while nodes are being explained away."""

    scope: FaultScope
    affected: set[str]
    size: int
    """Members not yet explained by another group."""

    @property
    def healthy(self) -> int:
        """Members that are not affected."""
        return self.size - len(self.affected)

    def fit(self, affected_total: int) -> float:
        """The Jaccard index of the group's members with the affected nodes."""
        hits = len(self.affected)
        return hits / (affected_total + self.size - hits)

    def is_no_chance(self, affected_total: int, fleet_total: int) -> bool:
        """Whether clearly more of the group is affected than of the nodes outside it."""
        hits = len(self.affected)
        if hits == self.size:
            return True
        rate_outside = (affected_total - hits) / max(1, fleet_total - self.size)
        above = hits - self.size * rate_outside
        return above > 0 and above**2 >= _SURPRISE**2 * self.size * rate_outside * (1 - rate_outside)


def is_broad(scope: FaultScope, fleet: TopologyView) -> bool:
    """Whether most of the fleet is in this group."""
    return fleet.size_of.get(scope, 0) > _BROAD_SHARE * len(fleet.groups_of)


def takes_members_down(scope: FaultScope, fleet: TopologyView) -> bool:
    """Whether other symptoms of its nodes may be the effect of the group's fault: it is a part that they share."""
    return scope.kind not in _COHORTS and not is_broad(scope, fleet)


def explain(
    affected: Collection[str], fleet: TopologyView, *, min_nodes: int, min_share: float
) -> tuple[Explanation, ...]:
    """The groups that explain `affected`, the best first, each node in one of them at most."""
    left, fleet_left = sum(node in fleet.groups_of for node in affected), len(fleet.groups_of)
    counts = _counts(affected, fleet, min_nodes)
    found: list[Explanation] = []
    while True:
        candidates = [
            count
            for count in counts.values()
            if len(count.affected) >= _fewest(count.scope, min_nodes)
            and len(count.affected) >= min_share * count.size
            and (count.fit(left) >= min_share or count.is_no_chance(left, fleet_left))
        ]
        best = _best(candidates, fleet, left)
        if best is None:
            return tuple(found)
        nodes = frozenset(best.affected)
        found.append(Explanation(best.scope, nodes))
        left, fleet_left = left - len(nodes), fleet_left - len(nodes)
        _take_out(nodes, counts, fleet)


def _counts(affected: Iterable[str], fleet: TopologyView, min_nodes: int) -> dict[FaultScope, _Count]:
    """The groups with at least `min_nodes` affected members; one node alone is no group."""
    members: dict[FaultScope, set[str]] = {}
    for node in affected:
        for scope in fleet.groups_of.get(node, ()):
            members.setdefault(scope, set()).add(node)
    return {
        scope: _Count(scope, nodes, max(fleet.size_of.get(scope, 0), len(nodes)))
        for scope, nodes in members.items()
        if len(nodes) >= _fewest(scope, min_nodes)
    }


def _fewest(scope: FaultScope, min_nodes: int) -> int:
    """Nodes that make a group a cause; two where somebody who can tell has said that they share it."""
    return 2 if scope.kind == SHARED_CAUSE else max(min_nodes, 2)


def _take_out(nodes: Iterable[str], counts: dict[FaultScope, _Count], fleet: TopologyView) -> None:
    for node in nodes:
        for scope in fleet.groups_of[node]:
            if (count := counts.get(scope)) is not None:
                count.affected.discard(node)
                count.size -= 1


def _best(candidates: list[_Count], fleet: TopologyView, affected_total: int) -> _Count | None:
    best = _fittest(candidates, affected_total)
    if best is None:
        return None
    price = 0 if is_broad(best.scope, fleet) else _CLEARED_PER_CAUSE
    if best.healthy < max(1, price):
        return best
    narrow: dict[str, list[_Count]] = {}
    for count in candidates:
        if count.size < best.size and count.affected <= best.affected:
            narrow.setdefault(count.scope.kind, []).append(count)
    better = [group for group in narrow.values() if _fits_better(group, best, price)]
    return _fittest((count for group in better for count in group), affected_total) or best


def _fits_better(narrow: Sequence[_Count], wide: _Count, price: int) -> bool:
    """Whether several groups of one key, which share no nodes, explain the affected nodes of a wide one better."""
    affected = len(wide.affected)
    hits = sum(len(count.affected) for count in narrow)
    members = sum(count.size for count in narrow)
    cleared = wide.healthy - (members - hits)
    return cleared >= price * (len(narrow) - 1) and hits / (affected + members - hits) > affected / wide.size


def _fittest(candidates: Iterable[_Count], affected_total: int) -> _Count | None:
    """By fit; of equals the most specific, then the first by name, so that the order of arrival plays no part."""
    return min(
        candidates,
        key=lambda count: (-count.fit(affected_total), _rank(count.scope.kind), count.scope),
        default=None,
    )


def _rank(kind: str) -> tuple[int, str]:
    return (_RANK.get(kind, len(_RANK)), kind)
