"""DaemonSets through time: which image, on which nodes broken, and the numbers their status shows."""

from __future__ import annotations

from collections.abc import Callable

from sentinel_fleet import facts as f
from sentinel_fleet.baseline.daemonsets import DaemonSetSpec
from sentinel_fleet.history.book import Book
from sentinel_fleet.history.pod import PodState

JOBS = {
    "dcgm-exporter": "nvidia-dcgm-exporter",
    "node-exporter": "node-exporter",
    "node-problem-detector": "node-problem-detector",
}
"""Prometheus job -> the DaemonSet that runs its exporters."""


class DaemonSetHistory:
    """One DaemonSet's past and future."""

    def __init__(self, book: Book, spec: DaemonSetSpec) -> None:
        self.book = book
        self.spec = spec
        self.facts = book.daemonset_facts(spec.name)

    def image(self, node: str | None, t: float) -> str:
        """The image of the template, or of the pod on a node: a rollout that broke stops at the nodes it broke."""
        image = self.spec.image
        for fact in self.facts:
            reached = node is None or fact.broken_on is None or node in fact.broken_on
            if fact.image is not None and reached and self._at(fact) <= t:
                image = fact.image
        return image

    def generation(self, node: str | None, t: float) -> int:
        """The template's generation, or the one the pod on a node was made from; from 1."""
        reached = [
            number
            for number, fact in enumerate(self._rollouts(), start=2)
            if self._at(fact) <= t and (node is None or fact.broken_on is None or node in fact.broken_on)
        ]
        return max(reached, default=1)

    def created(self, node: str, t: float) -> float:
        """When the pod on a node was made: at the node's boot, or when a rollout reached it."""
        moments = [
            self._at(fact)
            for fact in self._rollouts()
            if self._at(fact) <= t and (fact.broken_on is None or node in fact.broken_on)
        ]
        return max([*moments, self.book.node(node).boots[0].at + 20.0])

    def broken(self, node: str, t: float) -> f.DaemonSetFact | None:
        """The fact that keeps the pod on a node from running."""
        latest = None
        for fact in self.facts:
            if self._at(fact) <= t:
                latest = fact if fact.broken_on is not None and node in fact.broken_on else None
        return latest

    def pod_state(self, node: str, t: float) -> PodState:
        """The status of the pod on a node."""
        fact = self.broken(node, t)
        state = PodState("Running", "", "", (), self.created(node, t))
        if fact is not None and fact.waiting is not None:
            crashed = fact.waiting == "CrashLoopBackOff"
            container = f.ContainerState(
                name=self.spec.container, state="waiting", reason=fact.waiting, message=fact.message,
                restarts=fact.restarts or (4 if crashed else 0),
                last_reason="Error" if crashed else None, last_exit_code=1 if crashed else None,
            )  # fmt: skip
            state = PodState("Running" if crashed else "Pending", "", "", (container,), self._at(fact))
        for at, change in self._pod_changes(node):
            if at <= t:
                containers = tuple(change.containers) or state.containers
                state = PodState(change.phase or state.phase, change.reason, change.message, containers, at)
        return state

    def ready(self, node: str, t: float) -> bool:
        """Whether the pod on a node is ready."""
        state = self.pod_state(node, t)
        return state.phase == "Running" and all(item.state == "running" for item in state.containers)

    def down_windows(self, node: str) -> list[tuple[float, float]]:
        """When the pod on a node was not ready, by facts about the DaemonSet or the pod."""
        moments = sorted({self._at(fact) for fact in self.facts} | {at for at, _ in self._pod_changes(node)})
        spans = zip(moments, [*moments[1:], float("inf")], strict=False)
        return [(at, end) for at, end in spans if not self.ready(node, at)]

    def change_times(self) -> list[float]:
        """Instants at which the DaemonSet or one of its pods changes."""
        changes = self.book.pods.daemonset_changes
        of_pods = [at for node in self.pod_nodes() for at, _ in changes[self.spec.namespace, self._pod_name(node)]]
        return sorted({self._at(fact) for fact in self.facts} | set(of_pods))

    def pod_nodes(self) -> list[str]:
        """Nodes whose pod some `pod` fact changes."""
        keys = self.book.pods.daemonset_changes
        if not keys:
            return []
        names = [node.name for node in self.book.fleet.nodes]
        return [name for name in names if (self.spec.namespace, self._pod_name(name)) in keys]

    def _rollouts(self) -> list[f.DaemonSetFact]:
        return [fact for fact in self.facts if fact.image is not None]

    def _pod_changes(self, node: str) -> list[tuple[float, f.PodFact]]:
        changes = self.book.pods.daemonset_changes
        return changes.get((self.spec.namespace, self._pod_name(node)), []) if changes else []

    def _pod_name(self, node: str) -> str:
        return self.spec.pod_name(self.book.fleet.seed, node)

    def _at(self, fact: f.Fact) -> float:
        return self.book.anchor + fact.at


class DaemonSetCounts:
    """The numbers of a DaemonSet's status; only nodes that facts touch are looked at one by one."""

    FIELDS = ("desired_number_scheduled", "current_number_scheduled", "updated_number_scheduled",
              "number_ready", "number_available", "number_unavailable")  # fmt: skip

    def __init__(self, book: Book) -> None:
        self._book = book
        self._histories = {spec.name: DaemonSetHistory(book, spec) for spec in book.daemonsets}

    def history(self, spec: DaemonSetSpec) -> DaemonSetHistory:
        """One DaemonSet through time."""
        return self._histories[spec.name]

    def value(self, spec: DaemonSetSpec, field: str) -> Callable[[float, int], float]:
        """One number as a series' value."""
        return lambda t, k: float(self.numbers(spec, t)[field])

    def numbers(self, spec: DaemonSetSpec, t: float) -> dict[str, int]:
        """All numbers at an instant."""
        history = self._histories[spec.name]
        desired = len(self._book.fleet.nodes)
        suspects = {node for fact in history.facts for node in fact.broken_on or ()}
        suspects |= set(history.pod_nodes()) | set(self._book.touched())
        unready = sum(not history.ready(node, t) or self._node_silent(node, t) for node in suspects)
        behind = 0
        if history.generation(None, t) > 1:
            newest = history.generation(None, t)
            behind = sum(history.generation(node.name, t) != newest for node in self._book.fleet.nodes)
        return {
            "desired_number_scheduled": desired,
            "current_number_scheduled": desired,
            "updated_number_scheduled": desired - behind,
            "number_ready": desired - unready,
            "number_available": desired - unready,
            "number_unavailable": unready,
        }

    def _node_silent(self, node: str, t: float) -> bool:
        ready = next(item for item in self._book.node(node).conditions(t) if item.type == "Ready")
        return ready.status != "True"
