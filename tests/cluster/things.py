"""The objects that tests put into a cluster: GPU nodes as kwok plays them, workloads on them, their budgets."""

from __future__ import annotations

from typing import Any

from tests.cluster.control_plane import KWOK

Object = dict[str, Any]
IMAGE = "registry.invalid/training:1"
"""Nobody pulls it."""


def gpu_node(name: str, *conditions: Object, gpus: int = 8, **labels: str) -> Object:
    """A node with GPUs that gets ready by itself and says no more than it is told to."""
    room = {"nvidia.com/gpu": str(gpus), "cpu": "192", "memory": "2048Gi", "pods": "110"}
    hostname = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {KWOK: "fake"}, "labels": {**hostname, **labels}},
        "status": {"capacity": room, "allocatable": room, "conditions": list(conditions)},
    }


def condition(kind: str, status: str, reason: str, message: str = "", since: str = "2026-11-20T20:00:00Z") -> Object:
    """A condition of a node."""
    told = {"type": kind, "status": status, "reason": reason, "message": message}
    return {**told, "lastTransitionTime": since, "lastHeartbeatTime": since}


def deployment(name: str, namespace: str, replicas: int, *, node: str = "", gpus: int = 0, **spec: Any) -> Object:
    """So many pods labelled ``app=<name>``; on one node, where it is named, and where else when that takes none."""
    prefer = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    term = {"weight": 100, "preference": {"matchExpressions": [prefer]}}
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}} if node else {}
    limits = {"limits": {"nvidia.com/gpu": str(gpus)}} if gpus else {}
    container = {"name": "main", "image": IMAGE, "resources": limits}
    pod = {"affinity": affinity, "containers": [container], "terminationGracePeriodSeconds": 0, **spec}
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    wanted = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": wanted}


def budget(name: str, namespace: str, app: str, **spec: Any) -> Object:
    """A disruption budget for the pods labelled ``app=<app>``."""
    wanted = {"selector": {"matchLabels": {"app": app}}, **spec}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": wanted}


def account(name: str, namespace: str) -> Object:
    """A service account."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def named(kind: str, name: str) -> Object:
    """An object of the core API that is no more than its name."""
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
