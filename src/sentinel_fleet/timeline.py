"""What the API server holds when a world opens, and how it changes afterwards.

A change carries the complete new object, computed when it is due to be applied, so that the player needs no logic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Literal

from sentinel_fleet.history.book import Book
from sentinel_fleet.history.daemonset import DaemonSetCounts
from sentinel_fleet.history.pod import PodHistory
from sentinel_fleet.objects import KubeObject, cluster
from sentinel_fleet.objects.event import event_object, happenings
from sentinel_fleet.objects.node import node_object
from sentinel_fleet.objects.pod import ExporterPorts, daemonset_pod, workload_pod

_HEARTBEAT_S = 60.0
_SMALL_FLEET = 500


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the cluster: the whole new object, or the object that goes."""

    at: float
    op: Literal["apply", "delete"]
    object: KubeObject


@dataclass(frozen=True, slots=True)
class _Planned:
    at: float
    order: int
    make: Callable[[], Iterator[Change]]


class ClusterTimeline:
    """The cluster's objects over time."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._counts = DaemonSetCounts(book)

    def initial(self, ports: ExporterPorts) -> Iterator[KubeObject]:
        """The objects at T0, owners before what they own."""
        book, t = self._book, self._book.anchor
        for name in self._namespaces:
            yield cluster.namespace(name, book.fleet.seed, t)
        for identity in book.fleet.nodes:
            history = book.node(identity.name)
            yield node_object(history, t)
            yield cluster.lease(history, t)
        for spec in book.daemonsets:
            yield cluster.daemonset(spec, self._counts, book.fleet.seed, t)
            yield from cluster.controller_revisions(spec, self._counts, book.fleet.seed, t)
        for identity in book.fleet.nodes:
            yield from (daemonset_pod(self._counts.history(spec), identity, ports, t) for spec in book.daemonsets)
        for workload in book.pods.workloads:
            if book.anchor + workload.started_s <= t:
                yield from cluster.workload_objects(workload, book.pods.of_workload(workload.name), book.anchor, t)
        yield from (workload_pod(pod, book.fleet, t) for pod in book.pods.pods.values() if pod.exists(t))
        yield from (event_object(item, book.fleet.seed) for item in happenings(book) if item.at <= t)

    def changes(self, ports: ExporterPorts) -> Iterator[Change]:
        """Everything that happens after T0, in order; objects are made one at a time."""
        plan = [*self._of_nodes(), *self._of_pods(), *self._of_daemonsets(ports), *self._of_events()]
        for planned in sorted(plan, key=lambda item: (item.at, item.order)):
            yield from planned.make()

    def heartbeats(self) -> Iterator[Change]:
        """Nodes and their leases as their agents renew them, for ever; less often in large fleets, to stay cheap."""
        nodes = self._book.fleet.nodes
        period = _HEARTBEAT_S if len(nodes) <= _SMALL_FLEET else 5 * _HEARTBEAT_S
        step = period / len(nodes)
        for number in count(1):
            for position, identity in enumerate(nodes):
                at = self._book.anchor + number * period + position * step
                history = self._book.node(identity.name)
                yield Change(at, "apply", node_object(history, at))
                yield Change(at, "apply", cluster.lease(history, at))

    @cached_property
    def _namespaces(self) -> tuple[str, ...]:
        teams = sorted({namespace for namespace, _ in self._book.pods.pods})
        return tuple(dict.fromkeys([*cluster.SYSTEM_NAMESPACES, *teams]))

    def _of_nodes(self) -> Iterator[_Planned]:
        for name in self._book.touched():
            history = self._book.node(name)
            for at in sorted(set(history.change_times())):
                yield _Planned(at, 0, lambda h=history, at=at: iter([Change(at, "apply", node_object(h, at))]))  # type: ignore[misc]

    def _of_pods(self) -> Iterator[_Planned]:
        for pod in self._book.pods.pods.values():
            for at in sorted(set(pod.change_times())):
                if at > self._book.anchor:
                    yield _Planned(at, 1, lambda pod=pod, at=at: self._pod_changes(pod, at))  # type: ignore[misc]

    def _pod_changes(self, pod: PodHistory, at: float) -> Iterator[Change]:
        if pod.exists(at):
            yield Change(at, "apply", workload_pod(pod, self._book.fleet, at))
        else:
            yield Change(at, "delete", workload_pod(pod, self._book.fleet, at))
        if pod.workload is not None:
            gang = self._book.pods.of_workload(pod.workload.name)
            for item in cluster.workload_objects(pod.workload, gang, self._book.anchor, at):
                yield Change(at, "apply", item)

    def _of_daemonsets(self, ports: ExporterPorts) -> Iterator[_Planned]:
        for spec in self._book.daemonsets:
            history = self._counts.history(spec)
            for at in history.change_times():
                if at > self._book.anchor:
                    yield _Planned(at, 2, lambda n=spec.name, at=at: self._daemonset_changes(n, ports, at))  # type: ignore[misc]

    def _daemonset_changes(self, name: str, ports: ExporterPorts, at: float) -> Iterator[Change]:
        spec = next(item for item in self._book.daemonsets if item.name == name)
        history = self._counts.history(spec)
        seed = self._book.fleet.seed
        yield Change(at, "apply", cluster.daemonset(spec, self._counts, seed, at))
        for revision in cluster.controller_revisions(spec, self._counts, seed, at):
            yield Change(at, "apply", revision)
        now_and_before = {node for fact in history.facts for node in fact.broken_on or ()} | set(history.pod_nodes())
        rolled_out = any(self._book.anchor + fact.at == at and fact.image is not None for fact in history.facts)
        for node in self._book.fleet.nodes:
            if rolled_out or node.name in now_and_before:
                yield Change(at, "apply", daemonset_pod(history, node, ports, at))

    def _of_events(self) -> Iterator[_Planned]:
        seed = self._book.fleet.seed
        for item in happenings(self._book):
            if item.at > self._book.anchor:
                yield _Planned(item.at, 3, lambda e=item: iter([Change(e.at, "apply", event_object(e, seed))]))  # type: ignore[misc]
