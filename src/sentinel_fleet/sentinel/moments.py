"""Everything that happens to the gateway, in order of time, cut into moments.

Order matters: the gateway judges after each round, so a failure that a whole fleet shows must arrive sweep by sweep, as
it does in life, and not one host's day after the other's. Where nothing fails, hours go out at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sentinel_fleet.sentinel.agents import Agents
from sentinel_fleet.sentinel.facts import AnomalyFact, CanaryFact, DirectiveFact, RecordFact
from sentinel_fleet.sentinel.monitors.found import Found
from sentinel_fleet.sentinel.sweeps import Execution, executions
from sentinel_fleet.sentinel.watching import watched

SLICE_S = 60.0
"""The shortest period of the schedule."""
REFUSED_AFTER_S = 300.0
"""How far ahead a clock may be; further, the gateway takes nothing that is stamped by it."""
_STILL_AHEAD_S = 80.0
"""What a far too early clock stamped longer ago lies in the gateway's past by now, so it is left out: when it was sent
it was refused."""


@dataclass(frozen=True, slots=True)
class Probed:
    """Results of some nodes."""

    at: float
    """Of the first result: where nothing fails it stands for hours, and GPUs must be known before somebody orders."""
    by_node: Mapping[str, Sequence[Execution]]


@dataclass(frozen=True, slots=True)
class Noticed:
    """An anomaly on one GPU, as a fact states it or a detector found it."""

    at: float
    found: Found
    node: str
    gpu: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One round of a canary."""

    at: float
    fact: CanaryFact
    round: int


@dataclass(frozen=True, slots=True)
class Said:
    """A directive or an entry of somebody's own."""

    at: float
    fact: DirectiveFact | RecordFact


Moment: TypeAlias = Probed | Noticed | Compared | Said


def moments(agents: Agents) -> list[Moment]:
    """All of it."""
    plan = agents.plan
    found: list[Moment] = list(_probed(agents))
    for noticed in plan.of(AnomalyFact):
        found += _noticed(agents, noticed)
    found += [Noticed(at, one, node, gpu) for at, node, gpu, one in watched(agents)]
    for compared in plan.of(CanaryFact):
        found += [Compared(compared.at + number * compared.every, compared, number) for number in range(compared.times)]
    found += [Said(fact.at, fact) for fact in plan.said]
    return sorted(found, key=lambda moment: moment.at)


def _noticed(agents: Agents, fact: AnomalyFact) -> Iterator[Noticed]:
    step = fact.over / max(1, fact.count - 1)
    stated = Found(
        fact.type, fact.score, fact.threshold, fact.severity, fact.details, fact.layer, fact.model, fact.step
    )
    for node in fact.node:
        for gpu in fact.gpu or range(agents.world.fleet.spec.gpus_per_node):
            for number in range(fact.count):
                yield Noticed(fact.at + number * step, stated, node, gpu)


def _probed(agents: Agents) -> Iterator[Probed]:
    slices: defaultdict[int, list[Execution]] = defaultdict(list)
    for one in executions(agents):
        ahead = agents.clock_ahead_s(one.gpu.node, one.at)
        if ahead <= REFUSED_AFTER_S or one.at > -_STILL_AHEAD_S:
            slices[int(one.at // SLICE_S)].append(one)
    waiting: list[Execution] = []
    for number in sorted(slices):
        if all(one.passed for one in slices[number]):
            waiting += slices[number]
            continue
        if waiting:
            yield _moment(waiting)
            waiting = []
        yield _moment(slices[number])
    if waiting:
        yield _moment(waiting)


def _moment(found: list[Execution]) -> Probed:
    by_node: defaultdict[str, list[Execution]] = defaultdict(list)
    for one in sorted(found, key=lambda one: one.at):
        by_node[one.gpu.node].append(one)
    return Probed(min(one.at for one in found), by_node)
