"""Node objects."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel_fleet import facts as f
from sentinel_fleet.baseline.conditions import CNI, GCM, KUBELET, NPD
from sentinel_fleet.baseline.fleet import Fleet
from sentinel_fleet.baseline.kernel import KERNEL
from sentinel_fleet.history.node import Condition, NodeHistory, Taint
from sentinel_fleet.objects import KubeObject
from sentinel_fleet.objects.meta import managed
from sentinel_fleet.stable import seed64, stable_uuid
from sentinel_fleet.times import rfc3339

KUBELET_VERSION = "v1.32.9"
_REGION = "dc-1"
_FEATURE_MANAGER = "gpu-feature-discovery"
_STATUS_MANAGERS = {
    NPD: "node-problem-detector",
    GCM: "node-problem-detector",
    KUBELET: "kubelet",
    CNI: "cilium-agent",
    "node-controller": "kube-controller-manager",
}


def node_object(history: NodeHistory, t: float) -> KubeObject:
    """The Node as the API server holds it at `t`."""
    conditions = history.conditions(t)
    taints = history.taints(t)
    cordon = history.cordon(t)
    identity = history.identity
    spec: KubeObject = {
        "podCIDR": f"10.{200 + identity.index // 256 % 50}.{identity.index % 256}.0/24",
        "providerID": f"metal://{identity.uid}",
        "taints": [_taint(taint) for taint in taints],
    }
    if cordon is not None:
        spec["unschedulable"] = True
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": history.name,
            "uid": identity.uid,
            "creationTimestamp": rfc3339(history.created),
            "labels": _labels(history, t),
            "annotations": _annotations(history, t),
            "managedFields": list(_managed_fields(history, conditions, t)),
        },
        "spec": spec,
        "status": _status(history, conditions, t),
    }


def _taint(taint: Taint) -> KubeObject:
    entry: KubeObject = {"key": taint.key, "effect": taint.effect}
    if taint.value:
        entry["value"] = taint.value
    if taint.effect == "NoExecute" or taint.key.startswith("node.kubernetes.io/"):
        entry["timeAdded"] = rfc3339(taint.added)
    return entry


def feature_labels(fleet: Fleet) -> dict[str, str]:
    """The labels that GPU and node feature discovery put on every node of the fleet."""
    model, spec = fleet.model, fleet.spec
    major, minor, revision = (*spec.driver.split("."), "0", "0")[:3]
    return {
        "feature.node.kubernetes.io/pci-10de.present": "true",
        "feature.node.kubernetes.io/cpu-model.vendor_id": "Intel",
        "feature.node.kubernetes.io/kernel-version.full": KERNEL,
        "feature.node.kubernetes.io/system-os_release.ID": "ubuntu",
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": model.product,
        "nvidia.com/gpu.count": str(spec.gpus_per_node),
        "nvidia.com/gpu.memory": str(model.memory_mib),
        "nvidia.com/gpu.compute.major": model.compute.split(".")[0],
        "nvidia.com/gpu.compute.minor": model.compute.split(".")[1],
        "nvidia.com/gpu.family": "hopper"
        if model.compute == "9.0"
        else "ampere"
        if model.compute == "8.0"
        else "blackwell",
        "nvidia.com/gpu.deploy.driver": "true",
        "nvidia.com/gpu.deploy.device-plugin": "true",
        "nvidia.com/gpu.deploy.dcgm-exporter": "true",
        "nvidia.com/gpu-driver-upgrade-state": "upgrade-done",
        "nvidia.com/cuda.driver-version.full": spec.driver,
        "nvidia.com/cuda.driver-version.major": major,
        "nvidia.com/cuda.driver-version.minor": minor,
        "nvidia.com/cuda.driver-version.revision": revision,
        "nvidia.com/mig.capable": "true",
        "nvidia.com/mig.config": "all-disabled",
        "nvidia.com/mig.config.state": "success",
        "nvidia.com/mig.strategy": "single",
    }


def _own_labels(history: NodeHistory) -> dict[str, str]:
    identity, fleet = history.identity, history.fleet
    return {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": identity.name,
        "node.kubernetes.io/instance-type": fleet.model.instance_type,
        "topology.kubernetes.io/region": _REGION,
        "topology.kubernetes.io/zone": identity.zone,
        "topology.kubernetes.io/rack": identity.rack,
        "topology.kubernetes.io/power-feed": identity.power_feed,
        "network.topology.nvidia.com/leaf": identity.leaf,
        "nvidia.com/gpu.clique": identity.clique,
    }


def _labels(history: NodeHistory, t: float) -> dict[str, str]:
    labels = _own_labels(history) | feature_labels(history.fleet)
    for fact in history.of(f.LabelFact):
        if history.absolute(fact) <= t:
            labels |= fact.set
    return labels


def _annotations(history: NodeHistory, t: float) -> dict[str, str]:
    annotations = {
        "node.alpha.kubernetes.io/ttl": "0",
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
    }
    for fact in history.of(f.AnnotateFact):
        if history.absolute(fact) <= t:
            annotations |= fact.set
    return annotations


def _status(history: NodeHistory, conditions: list[Condition], t: float) -> KubeObject:
    capacity, allocatable = history.resources(t)
    base = {"cpu": "192", "ephemeral-storage": "7424Gi", "memory": "2113519160Ki", "pods": "110"}
    offered = base | {"cpu": "190", "memory": "2096741944Ki"}
    identity, boot = history.identity, history.boot_at(t)
    return {
        "addresses": [
            {"type": "InternalIP", "address": identity.ip},
            {"type": "Hostname", "address": identity.name},
        ],
        "capacity": base | {name: str(value) for name, value in capacity.items()},
        "allocatable": offered | {name: str(value) for name, value in allocatable.items()},
        "conditions": [_condition(condition) for condition in conditions],
        "daemonEndpoints": _KUBELET_ENDPOINT,
        "images": _IMAGES,
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": boot.boot_id,
            "containerRuntimeVersion": "containerd://2.1.4",
            "kernelVersion": KERNEL,
            "kubeProxyVersion": "",
            "kubeletVersion": KUBELET_VERSION,
            "machineID": f"{seed64(identity.uid, 'machine'):016x}{seed64(identity.uid, 'id'):016x}",
            "operatingSystem": "linux",
            "osImage": "Ubuntu 24.04.3 LTS",
            "systemUUID": stable_uuid(identity.uid, "system"),
        },
    }


def _condition(condition: Condition) -> KubeObject:
    return {
        "type": condition.type,
        "status": condition.status,
        "lastHeartbeatTime": rfc3339(condition.heartbeat),
        "lastTransitionTime": rfc3339(condition.transition),
        "reason": condition.reason,
        "message": condition.message,
    }


def _managed_fields(history: NodeHistory, conditions: list[Condition], t: float) -> Iterator[KubeObject]:
    yield managed("kubelet", history.created, _KUBELET_PATHS)
    yield managed("kube-controller-manager", history.created + 3, (("spec", "podCIDR"), ("spec", "podCIDRs")))
    yield managed(
        _FEATURE_MANAGER,
        history.boots[0].at + 130,
        [("metadata", "labels", label) for label in feature_labels(history.fleet)],
    )
    yield from _fact_fields(history, t)
    by_manager: dict[str, list[Condition]] = {}
    for condition in conditions:
        manager = _STATUS_MANAGERS.get(condition.reporter, condition.reporter)
        by_manager.setdefault(manager, []).append(condition)
    for manager, written in by_manager.items():
        paths: list[tuple[str, ...]] = []
        for item in written:
            key = f'k:{{"type":"{item.type}"}}'
            paths += [("status", "conditions", key, leaf) for leaf in _CONDITION_LEAVES]
        if manager == "kubelet":
            paths += [("status", "allocatable"), ("status", "nodeInfo", "bootID")]
        yield managed(manager, max(item.heartbeat for item in written), paths, subresource="status")


def _fact_fields(history: NodeHistory, t: float) -> Iterator[KubeObject]:
    for fact in history.of(f.Fact):
        if history.absolute(fact) > t:
            continue
        at = history.absolute(fact)
        if isinstance(fact, f.LabelFact):
            yield managed(fact.by, at, [("metadata", "labels", key) for key in fact.set])
        elif isinstance(fact, f.AnnotateFact):
            yield managed(fact.by, at, [("metadata", "annotations", key) for key in fact.set])
        elif isinstance(fact, f.TaintFact):
            yield managed(fact.by, at, [("spec", "taints")])
        elif isinstance(fact, f.CordonFact) and history.cordon(t) is fact:
            yield managed(fact.by, at, [("spec", "unschedulable")])


_CONDITION_LEAVES = ("lastHeartbeatTime", "lastTransitionTime", "message", "reason", "status", "type")
_KUBELET_PATHS = (
    ("metadata", "annotations", "volumes.kubernetes.io/controller-managed-attach-detach"),
    ("metadata", "labels", "kubernetes.io/arch"),
    ("metadata", "labels", "kubernetes.io/hostname"),
    ("metadata", "labels", "kubernetes.io/os"),
    ("metadata", "labels", "node.kubernetes.io/instance-type"),
    ("spec", "providerID"),
)
_KUBELET_ENDPOINT: KubeObject = {"kubeletEndpoint": {"Port": 10250}}
_IMAGES: list[KubeObject] = [
    {"names": ["nvcr.io/nvidia/k8s/dcgm-exporter:4.5.2-4.8.1-distroless"], "sizeBytes": 391204118},
    {"names": ["registry.k8s.io/pause:3.10"], "sizeBytes": 321520},
]
