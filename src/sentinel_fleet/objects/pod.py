"""Pod objects: those of workloads and facts, and those of DaemonSets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sentinel_fleet.baseline.daemonsets import DaemonSetSpec
from sentinel_fleet.baseline.fleet import Fleet, NodeIdentity
from sentinel_fleet.facts import ContainerState
from sentinel_fleet.history.daemonset import DaemonSetHistory
from sentinel_fleet.history.pod import PodHistory, PodState
from sentinel_fleet.objects import KubeObject
from sentinel_fleet.objects.meta import managed, owner
from sentinel_fleet.stable import seed64, stable_uuid, suffix
from sentinel_fleet.times import rfc3339

_POD_NET_BASE = 36
_BACK_OFF_S = 170.0
"""How long ago a crash-looping container last ended: within the five minutes of back-off."""
_READY_REASON = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}


@dataclass(frozen=True, slots=True)
class ExporterPorts:
    """The ports on which the fleet's exporters really listen."""

    dcgm: int = 9400
    node_exporter: int = 9100


def workload_pod(history: PodHistory, fleet: Fleet, t: float) -> KubeObject:
    """A pod of a workload or of a fact at `t`."""
    state = history.state(t)
    node = fleet.by_name.get(history.node or "")
    created = rfc3339(history.created)
    metadata: KubeObject = {
        "name": history.name,
        "namespace": history.namespace,
        "uid": history.uid,
        "creationTimestamp": created,
        "labels": dict(history.labels),
        "managedFields": [managed("kube-controller-manager", history.created, (("metadata", "labels"), ("spec",)))],
    }
    if history.workload is not None:
        metadata["ownerReferences"] = [history.workload.owner_reference()]
    spec: KubeObject = {
        "containers": [_container(name, history.image, history.gpus) for name in history.containers],
        "restartPolicy": "OnFailure" if history.workload is not None else "Always",
        "schedulerName": "default-scheduler",
        "priority": 0,
        "terminationGracePeriodSeconds": 30,
        "tolerations": _GPU_TOLERATIONS,
    }
    if node is not None:
        spec["nodeName"] = node.name
    status = _status(state, history.containers, history.image, _Times(history.created, history.started, t))
    if node is not None and state.phase != "Pending":
        status |= {"hostIP": node.ip, "podIP": _pod_ip(node, history.uid)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def daemonset_pod(history: DaemonSetHistory, node: NodeIdentity, ports: ExporterPorts, t: float) -> KubeObject:
    """The pod of a DaemonSet on a node at `t`; big parts are shared between the pods of a DaemonSet."""
    spec, seed = history.spec, history.book.fleet.seed
    name = spec.pod_name(seed, node.name)
    created = history.created(node.name, t)
    state = history.pod_state(node.name, t)
    image = history.image(node.name, t)
    generation = history.generation(node.name, t)
    started = max(created + 3.0, history.book.node(node.name).boot_at(t).at + 70.0)
    status = _status(state, (spec.container,), image, _Times(created, started, t))
    status |= {"hostIP": node.ip, "podIP": node.exporter_ip if spec.metrics else _pod_ip(node, name)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": f"{spec.name}-",
            "namespace": spec.namespace,
            "uid": stable_uuid(seed, "daemonset-pod", spec.name, node.index, generation),
            "creationTimestamp": rfc3339(created),
            "labels": _daemonset_labels(spec.name, seed, generation, tuple(spec.labels.items())),
            "ownerReferences": _daemonset_owner(spec.name, spec.uid(seed)),
        },
        "spec": {"nodeName": node.name, **_daemonset_pod_spec(spec.name, image, _port(spec, ports), spec.container)},
        "status": status,
    }


def _port(spec: DaemonSetSpec, ports: ExporterPorts) -> int:
    return {"dcgm": ports.dcgm, "node_exporter": ports.node_exporter}.get(spec.metrics, 0)


@dataclass(frozen=True, slots=True)
class _Times:
    created: float
    started: float
    now: float


def _status(state: PodState, containers: Sequence[str], image: str, times: _Times) -> KubeObject:
    running = state.phase == "Running" and all(item.state == "running" for item in state.containers)
    by_name = {item.name or containers[0]: item for item in state.containers}
    status: KubeObject = {
        "phase": state.phase,
        "qosClass": "BestEffort",
        "conditions": _conditions(state, times, ready=running),
    }
    if state.reason:
        status["reason"] = state.reason
    if state.message:
        status["message"] = state.message
    if not (state.phase == "Pending" and not state.containers):
        status["startTime"] = rfc3339(times.created + 1)
        status["containerStatuses"] = [
            _container_status(name, image, by_name.get(name) or _default_state(state), state, times)
            for name in containers
        ]
    return status


def _default_state(state: PodState) -> ContainerState:
    if state.phase == "Failed":
        return ContainerState(state="terminated", reason="Error", exit_code=1)
    if state.phase == "Succeeded":
        return ContainerState(state="terminated", reason="Completed", exit_code=0)
    if state.phase == "Pending":
        return ContainerState(state="waiting", reason="ContainerCreating")
    return _RUNNING


def _conditions(state: PodState, times: _Times, *, ready: bool) -> list[KubeObject]:
    if state.phase == "Pending" and not state.containers:
        entry = _pod_condition("PodScheduled", "False", times.created)
        return [entry | {"reason": state.reason or "Unschedulable", "message": state.message}]
    if ready:
        return _ready_conditions(rfc3339(times.created), rfc3339(times.started + 4))
    reason = _READY_REASON.get(state.phase, "ContainersNotReady")
    unready = {"reason": reason}
    return [
        _pod_condition("Initialized", "True", times.created),
        _pod_condition("Ready", "False", state.since) | unready,
        _pod_condition("ContainersReady", "False", state.since) | unready,
        _pod_condition("PodScheduled", "True", times.created),
    ]


@lru_cache(maxsize=64)
def _ready_conditions(created: str, started: str) -> list[KubeObject]:
    moments = {"Initialized": created, "Ready": started, "ContainersReady": started, "PodScheduled": created}
    return [
        {"type": name, "status": "True", "lastProbeTime": None, "lastTransitionTime": at}
        for name, at in moments.items()
    ]


def _pod_condition(name: str, status: str, at: float) -> KubeObject:
    return {"type": name, "status": status, "lastProbeTime": None, "lastTransitionTime": rfc3339(at)}


def _container_status(name: str, image: str, item: ContainerState, state: PodState, times: _Times) -> KubeObject:
    status: KubeObject = {
        "name": name,
        "image": image,
        "imageID": f"{image.rpartition(':')[0]}@sha256:{seed64(image):016x}",
        "ready": item.state == "running",
        "started": item.state == "running",
        "restartCount": item.restarts,
        "state": _container_state(item, state, times),
        "lastState": {},
    }
    if item.last_reason is not None or item.last_exit_code is not None:
        looping = item.state == "waiting" and item.restarts > 1
        finished = max(state.since, times.now - _BACK_OFF_S) if looping else state.since
        status["lastState"] = {
            "terminated": {
                "exitCode": 1 if item.last_exit_code is None else item.last_exit_code,
                "reason": item.last_reason or "Error",
                "startedAt": rfc3339(finished - 2.0 if looping else times.started),
                "finishedAt": rfc3339(finished),
            }
        }
    return status


def _container_state(item: ContainerState, state: PodState, times: _Times) -> KubeObject:
    if item.state == "running":
        started = state.since + 1 if item.restarts else times.started
        return {"running": {"startedAt": rfc3339(started)}}
    if item.state == "waiting":
        waiting: KubeObject = {"reason": item.reason or "ContainerCreating"}
        return {"waiting": waiting | ({"message": item.message} if item.message else {})}
    ended: KubeObject = {
        "exitCode": 1 if item.exit_code is None else item.exit_code,
        "reason": item.reason or ("Completed" if item.exit_code == 0 else "Error"),
        "startedAt": rfc3339(times.started),
        "finishedAt": rfc3339(state.since),
    }
    return {"terminated": ended | ({"message": item.message} if item.message else {})}


def _container(name: str, image: str, gpus: int) -> KubeObject:
    resources: KubeObject = {"limits": {"nvidia.com/gpu": str(gpus)}, "requests": {"nvidia.com/gpu": str(gpus)}}
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": resources if gpus else {},
    }


def _pod_ip(node: NodeIdentity, key: str) -> str:
    return f"10.{_POD_NET_BASE + node.index // 256 % 200}.{node.index % 256}.{2 + seed64(key) % 250}"


@lru_cache(maxsize=256)
def _daemonset_labels(name: str, seed: str, generation: int, labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    return dict(labels) | {
        "controller-revision-hash": suffix(10, seed, name, generation),
        "pod-template-generation": str(generation),
    }


@lru_cache(maxsize=64)
def _daemonset_owner(name: str, uid: str) -> list[KubeObject]:
    return [owner("apps/v1", "DaemonSet", name, uid)]


@lru_cache(maxsize=256)
def _daemonset_pod_spec(name: str, image: str, port: int, container: str) -> KubeObject:
    running: KubeObject = {"name": container, "image": image, "imagePullPolicy": "IfNotPresent", "resources": {}}
    if port:
        running["ports"] = [{"name": "metrics", "containerPort": port, "protocol": "TCP"}]
    return {
        "containers": [running],
        "restartPolicy": "Always",
        "serviceAccountName": name,
        "priorityClassName": "system-node-critical",
        "tolerations": [{"operator": "Exists"}],
    }


_RUNNING = ContainerState()
_GPU_TOLERATIONS: list[KubeObject] = [
    {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
]
