"""How the fields of built-in kinds merge: which lists are maps by key, sets, or atomic.

Two merges need it and they do not agree everywhere. Strategic merge patch goes by `patchStrategy`/`patchMergeKey`;
server-side apply goes by `x-kubernetes-list-type`. Both columns are from the API's own OpenAPI document
(kubernetes v1.34 api/openapi-spec/swagger.json). Worth knowing: `Node.spec.taints` and `Pod.spec.tolerations` have
neither, so every kind of patch replaces them whole.

Only fields that differ from the default are listed. The default: objects merge, lists are atomic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field merges."""

    type: str = ""
    """Name of the type of the value, or of the items of a list; empty for one without special fields."""
    apply: Literal["merge", "atomic", "map", "set"] = "merge"
    """For server-side apply; `merge` means objects merge and lists are atomic."""
    keys: tuple[str, ...] = ()
    """What identifies an item of a `map` list in server-side apply."""
    patch_merge: bool = False
    """Whether a strategic merge patch merges this list instead of replacing it."""
    patch_key: str = ""
    """What identifies an item in a strategic merge patch; empty for lists of scalars."""


def _map(type_: str, *keys: str) -> FieldRule:
    return FieldRule(type_, apply="map", keys=keys, patch_merge=True, patch_key=keys[0])


def _of(type_: str) -> FieldRule:
    return FieldRule(type_)


_ATOMIC = FieldRule(apply="atomic")
_SET = FieldRule(apply="set")
_PATCHED_SET = FieldRule(apply="set", patch_merge=True)
_PLAIN = FieldRule()
_CONDITIONS = _map("", "type")
_TEMPLATE = {"selector": _ATOMIC, "template": _of("PodTemplate")}
_CONTAINER = {
    "env": _map("EnvVar", "name"),
    "ports": _map("", "containerPort", "protocol"),
    "volumeDevices": _map("", "devicePath"),
    "volumeMounts": _map("", "mountPath"),
    "resources": _of("ResourceRequirements"),
}

TYPES: dict[str, dict[str, FieldRule]] = {
    "ObjectMeta": {
        "finalizers": _PATCHED_SET,
        "ownerReferences": FieldRule("OwnerReference", "map", ("uid",), patch_merge=True, patch_key="uid"),
        "managedFields": _ATOMIC,
    },
    "NodeSpec": {"podCIDRs": _PATCHED_SET, "taints": _ATOMIC},
    "NodeStatus": {"addresses": _map("", "type"), "conditions": _CONDITIONS},
    "PodTemplate": {"metadata": _of("ObjectMeta"), "spec": _of("PodSpec")},
    "PodSpec": {
        "containers": _map("Container", "name"),
        "ephemeralContainers": _map("Container", "name"),
        "initContainers": _map("Container", "name"),
        "hostAliases": _map("", "ip"),
        "imagePullSecrets": _map("", "name"),
        "nodeSelector": _ATOMIC,
        "resourceClaims": _map("", "name"),
        "schedulingGates": _map("", "name"),
        "tolerations": _ATOMIC,
        "topologySpreadConstraints": _map("", "topologyKey", "whenUnsatisfiable"),
        "volumes": _map("", "name"),
    },
    "Container": _CONTAINER,
    "EnvVar": {"valueFrom": _of("EnvVarSource")},
    "EnvVarSource": dict.fromkeys(("configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef"), _ATOMIC),
    "ResourceRequirements": {"claims": FieldRule(apply="map", keys=("name",))},
    "PodStatus": {
        "conditions": _CONDITIONS,
        "hostIPs": FieldRule(apply="atomic", patch_merge=True, patch_key="ip"),
        "podIPs": _map("", "ip"),
        "resourceClaimStatuses": _map("", "name"),
    },
    "ServiceSpec": {"ports": _map("", "port", "protocol"), "selector": _ATOMIC},
    "Workload": _TEMPLATE,
    "CronJobSpec": {"jobTemplate": _of("JobTemplate")},
    "JobTemplate": {"metadata": _of("ObjectMeta"), "spec": _of("Workload")},
    "JobStatus": {"conditions": FieldRule(apply="atomic", patch_merge=True, patch_key="type")},
    "Conditioned": {"conditions": _CONDITIONS},
    "PodDisruptionBudgetSpec": {"selector": _ATOMIC},
}

_WORKLOAD = {"spec": _of("Workload"), "status": _of("Conditioned")}
_ROOTS: dict[str, dict[str, FieldRule]] = {
    "Node": {"spec": _of("NodeSpec"), "status": _of("NodeStatus")},
    "Pod": {"spec": _of("PodSpec"), "status": _of("PodStatus")},
    "Event": dict.fromkeys(("involvedObject", "regarding", "related"), _ATOMIC),
    "Namespace": {"status": _of("Conditioned")},
    "Service": {"spec": _of("ServiceSpec"), "status": _of("Conditioned")},
    "DaemonSet": _WORKLOAD,
    "Deployment": _WORKLOAD,
    "ReplicaSet": _WORKLOAD,
    "StatefulSet": _WORKLOAD,
    "Job": {"spec": _of("Workload"), "status": _of("JobStatus")},
    "CronJob": {"spec": _of("CronJobSpec")},
    "PodDisruptionBudget": {"spec": _of("PodDisruptionBudgetSpec"), "status": _of("Conditioned")},
}
TYPES |= {kind: {"metadata": _of("ObjectMeta"), **fields} for kind, fields in _ROOTS.items()}


def root_type(kind: str) -> str:
    """The type to start from for a kind; kinds without special fields still have object metadata."""
    return kind if kind in TYPES else "Object"


TYPES["Object"] = {"metadata": _of("ObjectMeta")}
_ATOMIC_TYPES = frozenset({"OwnerReference"})


def rule(type_: str, field: str) -> FieldRule:
    """How `field` of a value of this type merges."""
    return TYPES.get(type_, {}).get(field, _PLAIN)


def is_atomic(type_: str) -> bool:
    """Whether server-side apply owns values of this type as a whole."""
    return type_ in _ATOMIC_TYPES
