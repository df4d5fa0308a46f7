"""How much of the fleet takes work, read off its Node objects. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata
from gcm_sentinel.clients.kubernetes.objects import mapping, objects, spec, status, strings, text
from gcm_sentinel.domain.acting_policy import Capacity
from gcm_sentinel.domain.ownership import EXTERNAL_TAINT, NVSENTINEL_STATE, TAINT_PREFIX

GPU_RESOURCES = ("nvidia.com/gpu", "amd.com/gpu")
"""Extended resources that make a node a GPU node; a MIG slice counts as the first."""
_KEEPS_PODS_AWAY = frozenset({"NoSchedule", "NoExecute"})


def capacity_of(nodes: Iterable[KubeObject]) -> Capacity:
    """The GPU nodes among `nodes`, and which of them take no work."""
    gpu_nodes = [node for node in nodes if _has_gpus(node)]
    names = [text(metadata(node).get("name")) for node in gpu_nodes]
    return Capacity.of(names, (name for name, node in zip(names, gpu_nodes, strict=True) if _is_out(node)))


def _has_gpus(node: KubeObject) -> bool:
    held = mapping(status(node).get("capacity"))
    return any(resource in GPU_RESOURCES or resource.startswith("nvidia.com/mig-") for resource in held)


def _is_out(node: KubeObject) -> bool:
    """Whether it takes no new work: cordoned by anybody, not Ready, or kept by a tool that repairs nodes."""
    if spec(node).get("unschedulable") is True or metadata(node).get("deletionTimestamp"):
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
