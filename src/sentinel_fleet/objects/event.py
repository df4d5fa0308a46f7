"""Event objects: those that facts state, and those the cluster's own components would have written about the facts.

Automatic events obey the API server's one-hour memory; an event a scenario states is kept however old it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sentinel_fleet import facts as f
from sentinel_fleet.baseline.conditions import CNI, KUBELET, reporter_of
from sentinel_fleet.history.book import Book
from sentinel_fleet.history.daemonset import DaemonSetHistory
from sentinel_fleet.history.pod import PodHistory
from sentinel_fleet.objects import KubeObject
from sentinel_fleet.stable import seed64, stable_uuid
from sentinel_fleet.times import rfc3339

_TTL_S = 3600.0
_REPEATED_S = 70.0
_WAITING_EVENTS = {
    "CrashLoopBackOff": ("BackOff", "Back-off restarting failed container {container} in pod {pod}"),
    "ImagePullBackOff": ("Failed", "Error: ImagePullBackOff"),
    "ErrImagePull": ("Failed", "Error: ErrImagePull"),
    "CreateContainerConfigError": ("Failed", "Error: CreateContainerConfigError"),
}


@dataclass(frozen=True, slots=True)
class About:
    """The object an event is about."""

    kind: str
    name: str
    namespace: str
    uid: str
    host: str


@dataclass(frozen=True, slots=True)
class Happening:
    """One event before it becomes an object; times are epoch seconds."""

    at: float
    about: About
    type: str
    reason: str
    message: str
    source: str
    count: int = 1
    first: float | None = None


def happenings(book: Book) -> list[Happening]:
    """Every event of a world, past and future, oldest first."""
    automatic = [*_about_nodes(book), *_about_pods(book), *_about_daemonsets(book)]
    recent = [item for item in automatic if item.at >= book.anchor - _TTL_S]
    return sorted([*recent, *_stated(book)], key=lambda item: item.at)


def event_object(item: Happening, seed: str) -> KubeObject:
    """A v1 Event."""
    about = item.about
    key = (about.namespace, about.name, item.reason, item.at, item.message)
    namespace = about.namespace or "default"
    involved = {"kind": about.kind, "name": about.name, "uid": about.uid, "apiVersion": "v1"}
    if about.namespace:
        involved["namespace"] = about.namespace
    source = {"component": item.source}
    if item.source in (KUBELET, "node-problem-detector") and about.host:
        source["host"] = about.host
    first = item.first if item.first is not None else item.at
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{about.name}.{seed64(seed, *key):016x}",
            "namespace": namespace,
            "uid": stable_uuid(seed, "event", *key),
            "creationTimestamp": rfc3339(first),
        },
        "involvedObject": involved,
        "reason": item.reason,
        "message": item.message,
        "type": item.type,
        "count": item.count,
        "firstTimestamp": rfc3339(first),
        "lastTimestamp": rfc3339(item.at),
        "eventTime": None,
        "source": source,
        "reportingComponent": item.source,
        "reportingInstance": about.host if "host" in source else "",
    }


def _node(book: Book, name: str) -> About:
    return About("Node", name, "", book.fleet.by_name[name].uid, name)


def _pod(pod: PodHistory) -> About:
    return About("Pod", pod.name, pod.namespace, pod.uid, pod.node or "")


def _stated(book: Book) -> Iterator[Happening]:
    for fact in book.of(f.EventFact):
        about = _resolve(book, fact.about)
        first = None if fact.first is None else book.anchor + fact.first
        at = book.anchor + fact.at
        yield Happening(at, about, fact.type, fact.reason, fact.message, fact.source, fact.count, first)


def _resolve(book: Book, about: str) -> About:
    if about in book.fleet.by_name:
        return _node(book, about)
    namespace, _, name = about.rpartition("/")
    for (space, pod), history in book.pods.pods.items():
        if pod == name and namespace in ("", space):
            return _pod(history)
    for spec in book.daemonsets:
        for node in book.fleet.nodes:
            if spec.pod_name(book.fleet.seed, node.name) == name:
                return _daemonset_pod(DaemonSetHistory(book, spec), node.name, book.anchor)
    return About("Pod", name, namespace or "default", "", "")


def _about_nodes(book: Book) -> Iterator[Happening]:
    for name in book.touched():
        history = book.node(name)
        about = _node(book, name)
        for fact in history.of(f.ConditionFact):
            yield _condition_event(fact, about, book.anchor + fact.at)
        for boot in history.boots[1:]:
            message = f"Node {name} has been rebooted, boot id: {boot.boot_id}"
            yield Happening(boot.at + 55, about, "Warning", "Rebooted", message, KUBELET)
        for cordon in history.of(f.CordonFact):
            message = f"Node {name} status is now: NodeNotSchedulable"
            yield Happening(book.anchor + cordon.at + 3, about, "Normal", "NodeNotSchedulable", message, KUBELET)


def _condition_event(fact: f.ConditionFact, about: About, at: float) -> Happening:
    reporter = fact.reporter or reporter_of(fact.type)
    if fact.type == "Ready" and fact.status != "True":
        message = f"Node {about.name} status is now: NodeNotReady"
        return Happening(at, about, "Normal", "NodeNotReady", message, "node-controller")
    if reporter in (KUBELET, CNI):
        message = f"Node {about.name} status is now: {fact.reason}"
        return Happening(at, about, "Normal", fact.reason, message, KUBELET)
    message = f'Node condition {fact.type} is now: {fact.status}, reason: {fact.reason}, message: "{fact.message}"'
    return Happening(at, about, "Normal", fact.reason, message, "node-problem-detector")


def _about_pods(book: Book) -> Iterator[Happening]:
    for pod in book.pods.pods.values():
        about = _pod(pod)
        if pod.node is not None:
            message = f"Successfully assigned {pod.namespace}/{pod.name} to {pod.node}"
            yield Happening(pod.created, about, "Normal", "Scheduled", message, "default-scheduler")
            started = f"Started container {pod.container}"
            yield Happening(pod.started, about, "Normal", "Started", started, KUBELET)
        for at, fact in pod.changes:
            yield from _change_events(fact, about, at, book.anchor)


def _change_events(fact: f.PodFact, about: About, at: float, anchor: float) -> Iterator[Happening]:
    """A container that waits goes on saying so: the event is recent, however long ago it began."""
    recent = max(at, anchor - _REPEATED_S)
    if fact.phase == "Pending" and fact.node is None:
        scheduler = "default-scheduler"
        yield Happening(recent, about, "Warning", "FailedScheduling", fact.message, scheduler, first=at)
    for state in fact.containers:
        if state.state == "waiting" and state.reason in _WAITING_EVENTS:
            reason, text = _WAITING_EVENTS[state.reason]
            message = text.format(container=state.name or "main", pod=about.name)
            times = max(1, state.restarts)
            yield Happening(recent, about, "Warning", reason, state.message or message, KUBELET, times, at)


def _daemonset_pod(history: DaemonSetHistory, node: str, t: float) -> About:
    spec, seed = history.spec, history.book.fleet.seed
    generation = history.generation(node, t)
    uid = stable_uuid(seed, "daemonset-pod", spec.name, history.book.fleet.by_name[node].index, generation)
    return About("Pod", spec.pod_name(seed, node), spec.namespace, uid, node)


def _about_daemonsets(book: Book) -> Iterator[Happening]:
    for spec in book.daemonsets:
        history = DaemonSetHistory(book, spec)
        for fact in history.facts:
            at = book.anchor + fact.at
            if fact.waiting is None:
                continue
            reason, text = _WAITING_EVENTS[fact.waiting]
            for node in fact.broken_on or ():
                about = _daemonset_pod(history, node, at)
                message = fact.message or text.format(container=spec.container, pod=about.name)
                recent = max(at, book.anchor - _REPEATED_S)
                yield Happening(recent, about, "Warning", reason, message, KUBELET, 5, at)
        for node in history.pod_nodes():
            name = spec.pod_name(book.fleet.seed, node)
            for at, change in book.pods.daemonset_changes[spec.namespace, name]:
                yield from _change_events(change, _daemonset_pod(history, node, at), at, book.anchor)
