"""How much of the fleet takes work, read off its Node objects. Pure.

A node that has never been Ready has never been in service, and one that is being deleted leaves the fleet: neither
counts, or every scale-up and scale-down would look like an outage.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata
from gcm_sentinel.clients.kubernetes.objects import mapping, objects, parse_time, spec, status, strings, text
from gcm_sentinel.domain.acting_policy import Capacity
from gcm_sentinel.domain.ownership import EXTERNAL_TAINT, NVSENTINEL_STATE, TAINT_PREFIX

GPU_RESOURCES = ("nvidia.com/gpu", "amd.com/gpu")
"""Extended resources that make a node a GPU node; a MIG slice counts as the first."""
_JOINS_WITHIN = timedelta(minutes=10)
"""How long a new node may take until it is Ready first: its driver and device plugin are installed meanwhile."""
_AT_ONCE = timedelta(minutes=1)
"""A Ready condition that last changed so soon after the node was made has never been true since."""
_KEEPS_PODS_AWAY = frozenset({"NoSchedule", "NoExecute"})


def capacity_of(nodes: Iterable[KubeObject], now: datetime) -> Capacity:
    """The GPU nodes among `nodes` that belong to the fleet by now and still, and which of them take no work."""
    gpu_nodes = [node for node in nodes if _has_gpus(node) and not _comes_or_goes(node, now)]
    names = [text(metadata(node).get("name")) for node in gpu_nodes]
    return Capacity.of(names, (name for name, node in zip(names, gpu_nodes, strict=True) if _is_out(node)))


def _has_gpus(node: KubeObject) -> bool:
    held = mapping(status(node).get("capacity"))
    return any(resource in GPU_RESOURCES or resource.startswith("nvidia.com/mig-") for resource in held)


def _comes_or_goes(node: KubeObject, now: datetime) -> bool:
    """Whether it has never been Ready, or is being deleted."""
    if metadata(node).get("deletionTimestamp"):
        return True
    ready = next((found for found in conditions(node) if found.get("type") == "Ready"), None)
    if ready is None:
        return True
    made, changed = parse_time(metadata(node).get("creationTimestamp")), parse_time(ready.get("lastTransitionTime"))
    if ready.get("status") == "True" or made is None:
        return False
    return now - made < _JOINS_WITHIN or (changed is not None and changed - made <= _AT_ONCE)


def _is_out(node: KubeObject) -> bool:
    """Whether it takes no new work: cordoned by anybody, not Ready, or kept by a tool that repairs nodes."""
    if spec(node).get("unschedulable") is True:
        return True
    if not any(found.get("type") == "Ready" and found.get("status") == "True" for found in conditions(node)):
        return True
    if strings(metadata(node).get("labels")).get(NVSENTINEL_STATE):
        return True
    return any(
        text(taint.get("effect")) in _KEEPS_PODS_AWAY
        and (text(taint.get("key")).startswith(TAINT_PREFIX) or text(taint.get("key")) == EXTERNAL_TAINT)
        for taint in objects(spec(node).get("taints"))
    )
