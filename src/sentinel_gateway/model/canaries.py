"""Which three GPUs compute the next TMR canary.

Only GPUs of one model and driver version can be compared bit by bit. SUSPECT GPUs go first, with partners they were
compared with least, so that a dissent repeats with other partners or does not repeat; then whoever was compared least.
The three are on three hosts where there are any, so that no host has two of the votes.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.settings import Strategy
from sentinel_gateway.domain.trust import Edge, Pair, pair

__all__ = ["Candidate", "Strategy", "comparable", "triples"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A GPU that can take part."""

    gpu: Gpu
    state: HealthState
    last_round: int = 0
    """Number of the round it was a target in last; 0 for never."""


def comparable(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Groups of GPUs whose outputs must be equal bit by bit; groups of fewer than three are left out."""
    groups: defaultdict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if candidate.state in (HealthState.HEALTHY, HealthState.SUSPECT):
            groups[candidate.gpu.model, candidate.gpu.driver_version].append(candidate)
    return [group for group in groups.values() if len(group) >= 3]


def triples(
    candidates: Sequence[Candidate],
    edges: Mapping[Pair, Edge],
    count: int,
    strategy: Strategy,
    chance: random.Random,
) -> list[tuple[Gpu, Gpu, Gpu]]:
    """At most `count` triples, a target first; no GPU is in two of them."""
    groups = comparable(candidates)
    targets = _ordered([one for group in groups for one in group], strategy, chance)
    group_of = {one.gpu.uuid: group for group in groups for one in group}
    busy: set[str] = set()
    chosen: list[tuple[Gpu, Gpu, Gpu]] = []
    for target in targets:
        if len(chosen) == count:
            break
        if target.gpu.uuid in busy:
            continue
        free = [one for one in group_of[target.gpu.uuid] if one.gpu.uuid not in busy and one is not target]
        partners = _partners(target, free, edges, chance)
        if len(partners) == 2:
            first, second = partners
            chosen.append((target.gpu, first.gpu, second.gpu))
            busy |= {target.gpu.uuid, first.gpu.uuid, second.gpu.uuid}
    return chosen


def _ordered(candidates: list[Candidate], strategy: Strategy, chance: random.Random) -> list[Candidate]:
    shuffled = chance.sample(candidates, len(candidates))
    match strategy:
        case Strategy.RANDOM:
            return shuffled
        case Strategy.ROUND_ROBIN:
            return sorted(candidates, key=lambda one: (one.last_round, one.gpu.uuid))
        case Strategy.SUSPECT_PRIORITY:
            return sorted(shuffled, key=lambda one: (one.state is not HealthState.SUSPECT, one.last_round))


def _partners(
    target: Candidate, free: list[Candidate], edges: Mapping[Pair, Edge], chance: random.Random
) -> list[Candidate]:
    """Two HEALTHY GPUs, all on different hosts where there are any, that the target was compared with least."""
    chosen: list[Candidate] = []

    def order(one: Candidate) -> tuple[bool, int]:
        edge = edges.get(pair(target.gpu.uuid, one.gpu.uuid))
        is_known_host = one.gpu.hostname in {other.gpu.hostname for other in (target, *chosen)}
        return is_known_host, edge.comparisons if edge else 0

    healthy = [one for one in free if one.state is HealthState.HEALTHY]
    mixed = chance.sample(healthy, len(healthy))
    while mixed and len(chosen) < 2:
        best = min(mixed, key=order)
        mixed.remove(best)
        chosen.append(best)
    return chosen
