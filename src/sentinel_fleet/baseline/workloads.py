"""The ordinary work of a fleet: training gangs, single-node jobs and small shared ones on the nodes nobody claimed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from random import Random

from sentinel_fleet.baseline import words
from sentinel_fleet.baseline.fleet import Fleet
from sentinel_fleet.baseline.workload import Workload, WorkloadKind
from sentinel_fleet.stable import rng

_GANG_SIZES = (1, 1, 1, 1, 2, 2, 4)
_KINDS: tuple[WorkloadKind, ...] = ("Job", "PyTorchJob", "PyTorchJob", "JobSet", "MPIJob")
_HOUR_S = 3600.0


def ordinary_workloads(
    fleet: Fleet, claimed: Collection[str], alone: Collection[str], taken: Collection[str]
) -> Iterator[Workload]:
    """Running workloads for the fleet's busy share, and a few that ended.

    Nodes in `claimed` get none; nodes in `alone` no gang, so that what happens to them stays theirs. No workload gets
    a name in `taken`.
    """
    random = rng(fleet.seed, "ordinary-workloads")
    free = [node.name for node in fleet.nodes if node.name not in claimed and random.random() < fleet.spec.busy]
    namer = _Namer(fleet.seed, random, taken)
    pending: list[str] = []
    size = random.choice(_GANG_SIZES)
    for node in free:
        if node in alone:
            yield _single(namer, node, fleet.spec.gpus_per_node)
            continue
        pending.append(node)
        if len(pending) == size:
            yield from _gang(namer, pending, fleet.spec.gpus_per_node)
            pending, size = [], random.choice(_GANG_SIZES)
    if pending:
        yield from _gang(namer, pending, fleet.spec.gpus_per_node)


class _Namer:
    """Draws workloads with names that are not taken."""

    def __init__(self, seed: str, random: Random, taken: Collection[str]) -> None:
        self.seed = seed
        self.random = random
        self._taken = set(taken)

    def workload(self, nodes: list[str], gpus: int, age_h: float, ended_h: float | None = None) -> Workload:
        name = words.word("job", self.random)
        while name in self._taken:
            name = f"{name}-{self.random.randint(2, 999)}"
        self._taken.add(name)
        return Workload(
            name=name,
            namespace=words.word("team", self.random),
            kind=self.random.choice(_KINDS) if len(nodes) > 1 else self.random.choice(_KINDS[:3]),
            nodes=tuple(nodes),
            gpus=gpus,
            image=words.word("image", self.random),
            user=words.word("person", self.random),
            model=words.word("model", self.random),
            started_s=-age_h * _HOUR_S,
            seed=self.seed,
            ended_s=None if ended_h is None else -ended_h * _HOUR_S,
            outcome="Failed" if ended_h is not None and self.random.random() < 0.1 else "Succeeded",
        )


def _gang(namer: _Namer, nodes: list[str], gpus: int) -> Iterator[Workload]:
    random = namer.random
    age_h = random.uniform(2, 60)
    if len(nodes) == 1 and gpus >= 4 and random.random() < 0.25:
        half = gpus // 2
        yield namer.workload(nodes, half, age_h)
        yield namer.workload(nodes, gpus - half, random.uniform(2, 60))
        return
    yield namer.workload(nodes, gpus, age_h)
    if random.random() < 0.3:
        ended_h = age_h + random.uniform(0.2, 2)
        yield namer.workload(nodes, gpus, ended_h + random.uniform(3, 20), ended_h)


def _single(namer: _Namer, node: str, gpus: int) -> Workload:
    return namer.workload([node], gpus, namer.random.uniform(2, 60))
