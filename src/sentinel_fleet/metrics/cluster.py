"""Series that follow the cluster's own state: kube-state-metrics, node-problem-detector and `up`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sentinel_fleet import facts as f
from sentinel_fleet.baseline.conditions import CNI, KUBELET, reporter_of
from sentinel_fleet.baseline.fleet import NodeIdentity
from sentinel_fleet.history.daemonset import DaemonSetCounts
from sentinel_fleet.history.node import NodeHistory, value_at
from sentinel_fleet.history.pod import PodHistory
from sentinel_fleet.metrics.catalogue import Described, MetricType, Value, Variant
from sentinel_fleet.metrics.families import Family, Interval, LazySeries, Scraper

KSM = "kube-state-metrics"
NPD_JOB = "node-problem-detector"
_KSM_INSTANCE = "10.244.0.17:8080"
_FOREVER: Interval = (float("-inf"), float("inf"))
_PHASES = ("Pending", "Succeeded", "Failed", "Unknown", "Running")

Labelled = tuple[Mapping[str, str], Value]
OfNode = Callable[[NodeHistory], Iterator[Labelled]]


@dataclass(frozen=True, slots=True)
class NodeFamily:
    """A metric computed from a node's history, on one job."""

    scraper: Scraper
    described: Described
    job: str | None
    of_node: OfNode
    instance_port: int | None = None
    node_label: str = "node"

    def on_node(self, node: NodeIdentity) -> Iterator[LazySeries]:
        """The series of one node."""
        instance = _KSM_INSTANCE if self.instance_port is None else f"{node.exporter_ip}:{self.instance_port}"
        for extra, value in self.of_node(self.scraper.book.node(node.name)):
            labels = {"__name__": self.described.name, "job": str(self.job), "instance": instance, "node": node.name}
            labels |= extra
            if self.instance_port is None:
                yield self._cluster_series(labels, value)
            else:
                yield self.scraper.series(labels, value, node, str(self.job), (self.described, Variant(dict(extra))))

    def elsewhere(self) -> Iterator[LazySeries]:
        """None."""
        return iter(())

    def _cluster_series(self, labels: Mapping[str, str], value: Value) -> LazySeries:
        return LazySeries(labels, value, 7.0, [(self.scraper.history_start, float("inf"))], ())


@dataclass(frozen=True, slots=True)
class FreeFamily:
    """A metric about things that are no nodes."""

    scraper: Scraper
    described: Described
    of_cluster: Callable[[], Iterator[tuple[Mapping[str, str], Value, Interval]]]
    job: str | None = KSM
    instance_port: int | None = None
    node_label: str = "node"

    def on_node(self, node: NodeIdentity) -> Iterator[LazySeries]:
        """None."""
        return iter(())

    def elsewhere(self) -> Iterator[LazySeries]:
        """All of them."""
        for extra, value, (low, high) in self.of_cluster():
            labels = {"__name__": self.described.name, "job": KSM, "instance": _KSM_INSTANCE, **extra}
            yield LazySeries(labels, value, 7.0, [(max(low, self.scraper.history_start), high)], ())


class UpFamily:
    """`up` of every target: 0 while the target does not answer."""

    described = Described("up", "gauge", "1 if the target could be scraped.")
    node_label = "node"
    instance_port: int | None = None
    job: str | None = None
    TARGETS = (("dcgm-exporter", 9400, "Hostname"), ("node-exporter", 9100, "node"), (NPD_JOB, 20257, "node"))

    def __init__(self, scraper: Scraper) -> None:
        self._scraper = scraper

    def on_node(self, node: NodeIdentity) -> Iterator[LazySeries]:
        """One series per exporter of the node."""
        for job, port, _ in self.TARGETS:
            labels = {"__name__": "up", "job": job, "instance": f"{node.exporter_ip}:{port}", "node": node.name}
            down = self._scraper.exporter_down(node.name, job)
            start = self._scraper.history_start
            offset = self._scraper.offset(node, job)
            yield LazySeries(labels, _answering(down), offset, [(start, float("inf"))], ())

    def elsewhere(self) -> Iterator[LazySeries]:
        """kube-state-metrics itself."""
        labels = {"__name__": "up", "job": KSM, "instance": _KSM_INSTANCE}
        yield LazySeries(labels, _constant(1.0), 7.0, [(self._scraper.history_start, float("inf"))], ())


def _answering(down: list[Interval]) -> Value:
    return lambda t, k: float(not any(start <= t < end for start, end in down))


def _constant(value: float) -> Value:
    return lambda t, k: value


def _follows(changes: list[tuple[float, str]], wanted: str) -> Value:
    return lambda t, k: float(value_at(changes, t) == wanted)


class ClusterMetrics:
    """Builds the families of kube-state-metrics and node-problem-detector."""

    def __init__(self, scraper: Scraper) -> None:
        self._scraper = scraper
        self._book = scraper.book
        self._counts = DaemonSetCounts(scraper.book)

    def families(self) -> list[Family]:
        """All of them."""
        nodes: list[tuple[str, str, OfNode]] = [
            ("kube_node_status_condition", "The condition of a cluster node.", self._conditions),
            ("kube_node_spec_unschedulable", "Whether a node can schedule new pods.", self._unschedulable),
            ("kube_node_spec_taint", "The taint of a cluster node.", self._taints),
            ("kube_node_status_allocatable", "The allocatable for different resources of a node.", self._allocatable),
            ("kube_node_status_capacity", "The capacity for different resources of a node.", self._capacity),
            ("kube_node_info", "Information about a cluster node.", self._info),
            ("kube_node_created", "Unix creation timestamp", self._created),
        ]
        families: list[Family] = [
            NodeFamily(self._scraper, Described(name, "gauge", text), KSM, of_node) for name, text, of_node in nodes
        ]
        problems: list[tuple[str, MetricType, str, OfNode]] = [
            ("problem_gauge", "gauge", "Whether a specific type of problem is affecting the node or not.", self._gauge),
            ("problem_counter", "counter", "Number of times a specific type of problem have occurred.", self._counter),
        ]
        families += [
            NodeFamily(self._scraper, Described(name, kind, text), NPD_JOB, of_node, 20257)
            for name, kind, text, of_node in problems
        ]
        return families + self._free() + [UpFamily(self._scraper)]

    def _free(self) -> list[Family]:
        free: list[tuple[str, MetricType, str, Callable[[], Iterator[tuple[Mapping[str, str], Value, Interval]]]]] = [
            ("kube_pod_status_phase", "gauge", "The pods current phase.", self._pod_phases),
            ("kube_pod_info", "gauge", "Information about pod.", self._pod_info),
            (
                "kube_pod_container_status_restarts_total",
                "counter",
                "The number of container restarts.",
                self._restarts,
            ),
            ("kube_pod_container_status_waiting_reason", "gauge", "The reason a container is waiting.", self._waiting),
        ]
        for field in DaemonSetCounts.FIELDS:
            free.append((f"kube_daemonset_status_{field}", "gauge", f"DaemonSet {field}.", self._daemonsets(field)))
        return [FreeFamily(self._scraper, Described(name, kind, text), of) for name, kind, text, of in free]

    def _conditions(self, history: NodeHistory) -> Iterator[Labelled]:
        for condition in history.condition_types():
            changes = history.condition_changes(condition)
            for status in ("True", "False", "Unknown"):
                yield {"condition": condition, "status": status.lower()}, _follows(changes, status)

    def _unschedulable(self, history: NodeHistory) -> Iterator[Labelled]:
        yield {}, lambda t, k: float(history.cordon(t) is not None)

    def _taints(self, history: NodeHistory) -> Iterator[Labelled]:
        for taint in history.taints(self._book.anchor):
            labels = {"key": taint.key, "value": taint.value, "effect": taint.effect}
            added = taint.added
            yield labels, lambda t, k, added=added: float(t >= added)  # type: ignore[misc]

    def _allocatable(self, history: NodeHistory) -> Iterator[Labelled]:
        for resource in history.resources(float("inf"))[1]:
            changes = history.allocatable_changes(resource)
            yield _resource_labels(resource), lambda t, k, c=changes: float(value_at(c, t))  # type: ignore[misc]

    def _capacity(self, history: NodeHistory) -> Iterator[Labelled]:
        for resource, count in history.resources(float("inf"))[0].items():
            yield _resource_labels(resource), _constant(float(count))

    def _info(self, history: NodeHistory) -> Iterator[Labelled]:
        yield (
            {
                "kernel_version": "6.8.0-85-generic",
                "os_image": "Ubuntu 24.04.3 LTS",
                "kubelet_version": "v1.32.9",
                "container_runtime_version": "containerd://2.1.4",
                "internal_ip": history.identity.ip,
            },
            _constant(1.0),
        )

    def _created(self, history: NodeHistory) -> Iterator[Labelled]:
        yield {}, _constant(float(int(history.created)))

    def _gauge(self, history: NodeHistory) -> Iterator[Labelled]:
        for condition in history.condition_types():
            if reporter_of(condition) in (KUBELET, CNI):
                continue
            changes = history.condition_changes(condition)
            yield {"type": condition, "reason": self._bad_reason(history, condition)}, _follows(changes, "True")

    def _counter(self, history: NodeHistory) -> Iterator[Labelled]:
        for condition in history.condition_types():
            if reporter_of(condition) in (KUBELET, CNI):
                continue
            changes = history.condition_changes(condition)
            yield {"reason": self._bad_reason(history, condition)}, _times_turned(changes, "True")

    def _bad_reason(self, history: NodeHistory, condition: str) -> str:
        for fact in history.of(f.ConditionFact):
            if fact.type == condition and fact.status == "True":
                return fact.reason
        return next((item.bad_reason for item in self._book.base if item.type == condition), condition)

    def _pods(self) -> Iterator[PodHistory]:
        yield from self._book.pods.pods.values()

    def _pod_phases(self) -> Iterator[tuple[Mapping[str, str], Value, Interval]]:
        for pod in self._pods():
            for phase in _PHASES:
                labels = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid, "phase": phase}
                yield labels, _in_phase(pod, phase), _lifetime(pod)

    def _pod_info(self) -> Iterator[tuple[Mapping[str, str], Value, Interval]]:
        for pod in self._pods():
            labels = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid, "node": pod.node or ""}
            yield labels, _constant(1.0), _lifetime(pod)

    def _restarts(self) -> Iterator[tuple[Mapping[str, str], Value, Interval]]:
        for pod in self._pods():
            for name in pod.containers:
                labels = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid, "container": name}
                yield labels, _restarts_of(pod, name), _lifetime(pod)

    def _waiting(self) -> Iterator[tuple[Mapping[str, str], Value, Interval]]:
        for pod in self._pods():
            for at, fact in pod.changes:
                for state in fact.containers:
                    if state.state == "waiting":
                        labels = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid,
                                  "container": state.name or pod.container, "reason": state.reason}  # fmt: skip
                        yield labels, _constant(1.0), (at, _lifetime(pod)[1])

    def _daemonsets(self, field: str) -> Callable[[], Iterator[tuple[Mapping[str, str], Value, Interval]]]:
        def series() -> Iterator[tuple[Mapping[str, str], Value, Interval]]:
            for spec in self._book.daemonsets:
                labels = {"namespace": spec.namespace, "daemonset": spec.name}
                yield labels, self._counts.value(spec, field), _FOREVER

        return series


def _resource_labels(resource: str) -> dict[str, str]:
    for mark in "./-":
        resource = resource.replace(mark, "_")
    return {"resource": resource, "unit": "integer"}


def _times_turned(changes: list[tuple[float, str]], wanted: str) -> Value:
    moments = [at for (at, now), (_, before) in zip(changes[1:], changes, strict=False) if now == wanted != before]
    return lambda t, k: float(sum(at <= t for at in moments))


def _in_phase(pod: PodHistory, phase: str) -> Value:
    return lambda t, k: float(pod.state(t).phase == phase)


def _lifetime(pod: PodHistory) -> Interval:
    return pod.created, pod.deleted if pod.deleted is not None else float("inf")


def _restarts_of(pod: PodHistory, container: str) -> Value:
    def value(t: float, k: int) -> float:
        states = [state for state in pod.state(t).containers if state.name in (None, container)]
        return float(states[0].restarts if states else 0)

    return value
