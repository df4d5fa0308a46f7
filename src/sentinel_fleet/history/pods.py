"""All pods of a world that are not a healthy DaemonSet's: gangs, pods made by facts, and who holds which GPU when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sentinel_fleet.baseline.fleet import Fleet
from sentinel_fleet.baseline.workload import Workload, WorkloadPod
from sentinel_fleet.facts import PodFact
from sentinel_fleet.history.pod import PodHistory
from sentinel_fleet.stable import rng, stable_uuid

PodKey = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A pod holds a GPU for a while."""

    gpu: int
    start: float
    end: float
    namespace: str
    pod: str
    container: str
    gang: str
    """What sets the pace: pods of one workload dip together."""


class PodBook:
    """The pods and their GPUs; `daemonset_pods` are changes to DaemonSet pods, which are built elsewhere."""

    def __init__(
        self, fleet: Fleet, workloads: Sequence[Workload], facts: Iterable[PodFact], anchor: float,
        daemonset_pods: Collection[PodKey],
    ) -> None:  # fmt: skip
        self.workloads = workloads
        self.pods: dict[PodKey, PodHistory] = {}
        self.daemonset_changes: dict[PodKey, list[tuple[float, PodFact]]] = {}
        self.holdings: dict[str, list[Holding]] = {}
        self._fleet = fleet
        self._anchor = anchor
        self._daemonset_pods = daemonset_pods
        self._on_node: dict[str, list[PodHistory]] = {}
        self._by_name = {workload.name: workload for workload in workloads}
        for workload in workloads:
            for pod in _gang_pods(workload):
                self._add(self._gang_pod(workload, pod), workload.pins)
        for fact in sorted(facts, key=lambda fact: fact.at):
            self._apply(fact)
        for history in self.pods.values():
            self._hold(history)

    def on_node(self, node: str) -> Sequence[PodHistory]:
        """The pods that are or were on a node."""
        return self._on_node.get(node, ())

    def of_workload(self, name: str) -> list[PodHistory]:
        """The gang of a workload, by rank, pods of facts after it."""
        return [pod for pod in self.pods.values() if pod.workload is not None and pod.workload.name == name]

    def _gang_pod(self, workload: Workload, pod: WorkloadPod) -> PodHistory:
        launcher = pod.replica_type == "launcher"
        return PodHistory(
            namespace=workload.namespace,
            name=pod.name,
            uid=stable_uuid(workload.seed, "pod", workload.namespace, pod.name),
            node=pod.node,
            labels=workload.labels(pod),
            container=workload.container,
            image=workload.image,
            gpus=0 if launcher else workload.gpus,
            created=self._anchor + workload.started_s,
            workload=workload,
            ended=None if workload.ended_s is None else self._anchor + workload.ended_s,
            outcome=workload.outcome,
        )

    def _apply(self, fact: PodFact) -> None:
        key, at = (fact.namespace, fact.name), self._anchor + fact.at
        history = self.pods.get(key)
        if key in self._daemonset_pods:
            self.daemonset_changes.setdefault(key, []).append((at, fact))
            return
        if history is None:
            history = self._created_by(fact, at)
            self._add(history, tuple(fact.gpu or ()))
        history.changes.append((at, fact))
        if fact.until is not None:
            history.deleted = self._anchor + fact.until

    def _created_by(self, fact: PodFact, at: float) -> PodHistory:
        owner = self._by_name.get(fact.owner or "")
        labels = dict(fact.labels)
        if owner is not None:
            labels = owner.labels(WorkloadPod(fact.name, fact.node or "", len(owner.nodes), "worker")) | labels
        return PodHistory(
            namespace=fact.namespace,
            name=fact.name,
            uid=stable_uuid(self._fleet.seed, "pod", fact.namespace, fact.name),
            node=fact.node,
            labels=labels,
            container=owner.container if owner is not None else "main",
            image=fact.image or (owner.image if owner is not None else "registry.corp.example/research/base:2026.10.2"),
            gpus=max(fact.gpus, len(fact.gpu or ())),
            created=at - self._ran(fact),
            workload=owner,
        )

    def _ran(self, fact: PodFact) -> float:
        """How long a pod had run when the facts first mention it: one that has ended was not born that way."""
        if fact.ran is not None:
            return fact.ran
        ended = fact.phase in ("Failed", "Succeeded")
        return rng(self._fleet.seed, "ran", fact.namespace, fact.name).uniform(1800, 14400) if ended else 0.0

    def _add(self, history: PodHistory, pins: tuple[int, ...]) -> None:
        self.pods[history.namespace, history.name] = history
        if history.node is None:
            return
        neighbours = self._on_node.setdefault(history.node, [])
        busy = {index for other in neighbours if _overlap(history, other) for index in other.gpu_indices}
        neighbours.append(history)
        total = range(self._fleet.spec.gpus_per_node)
        chosen = list(dict.fromkeys(pins))[: history.gpus]
        chosen += [index for index in total if index not in busy and index not in chosen]
        history.gpu_indices = tuple(sorted(chosen[: history.gpus]))

    def _hold(self, history: PodHistory) -> None:
        start, end = history.gpu_window()
        if history.node is None or start >= end:
            return
        gang = history.workload.name if history.workload is not None else history.name
        for index in history.gpu_indices:
            holding = Holding(index, start, end, history.namespace, history.name, history.containers[0], gang)
            self.holdings.setdefault(history.node, []).append(holding)


def _overlap(one: PodHistory, other: PodHistory) -> bool:
    """Whether two pods could want a GPU at the same time; the other's end may come by a fact."""
    end = one.ended if one.ended is not None else float("inf")
    return other.created < end and other.gpu_window()[1] > one.created


def _gang_pods(workload: Workload) -> Iterator[WorkloadPod]:
    yield from workload.pods
    if workload.kind == "MPIJob":
        yield WorkloadPod(f"{workload.name}-launcher", workload.nodes[0], 0, "launcher")
