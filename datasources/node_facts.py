"""A Node object as `NodeInfoSummary`: conditions, taints and their owners, GPUs, who holds it, announced work. Pure."""

from __future__ import annotations

from datetime import datetime

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata, parse_time
from gcm_sentinel.clients.kubernetes.managers import Writer, writer_of
from gcm_sentinel.clients.kubernetes.objects import mapping, objects, spec, status, strings, text
from gcm_sentinel.datasources.cluster_reads import foreign_annotations, iso
from gcm_sentinel.datasources.field_managers import changes
from gcm_sentinel.datasources.maintenance import announced
from gcm_sentinel.datasources.node_conditions import condition_summaries
from gcm_sentinel.domain.summaries import GpuCountSummary, NodeInfoSummary, TaintSummary

NVSENTINEL_STATE = "dgxc.nvidia.com/nvsentinel-state"
_DRIVER_LABELS = ("nvidia.com/cuda.driver-version.full", "nvidia.com/gpu.driver-version")
_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_LABEL_NOISE = ("feature.node.kubernetes.io/", "beta.kubernetes.io/")
_VALUE_MAX = 500


def node_info(
    node: KubeObject,
    *,
    pods_total: int | None,
    patterns: tuple[str, ...],
    now: datetime,
    booted_at: datetime | None,
) -> NodeInfoSummary:
    """Everything `get_node_info` says; `pods_total` None: the pods could not be counted."""
    info = mapping(status(node).get("nodeInfo"))
    labels = strings(metadata(node).get("labels"))
    foreign = foreign_annotations(node)
    cordon = _cordon(node)
    found = NodeInfoSummary(
        name=text(metadata(node).get("name")),
        uid=text(metadata(node).get("uid")),
        created_at=iso(parse_time(metadata(node).get("creationTimestamp"))),
        ready=_ready(node),
        unschedulable=spec(node).get("unschedulable") is True,
        cordoned_by=(cordon.manager or None) if cordon else None,
        cordoned_at=iso(cordon.at) if cordon else None,
        conditions=condition_summaries(node, patterns=patterns, now=now, booted_at=booted_at),
        taints=_taints(node),
        gpus=gpu_counts(node),
        labels={key: value for key, value in labels.items() if not key.startswith(_LABEL_NOISE)},
        annotations={key: value[:_VALUE_MAX] for key, value in foreign.items()},
        annotation_owners=_annotation_owners(node, foreign),
        owner=_owner(labels, cordon),
        maintenance=announced(node, now),
        kernel=text(info.get("kernelVersion")),
        kubelet=text(info.get("kubeletVersion")),
        os_image=text(info.get("osImage")),
        boot_id=text(info.get("bootID")),
        driver_version=next((labels[key] for key in _DRIVER_LABELS if key in labels), None),
        pods_total=pods_total,
        changes=changes(node),
    )
    if booted_at is not None:
        found["booted_at"] = iso(booted_at)
    return found


def is_gpu_resource(name: str) -> bool:
    """Whether an extended resource is a GPU or a slice of one."""
    vendor, _, resource = name.partition("/")
    return vendor.endswith(("nvidia.com", "amd.com", "intel.com")) and resource.startswith(
        ("gpu", "mig-", "shared-gpu")
    )


def gpu_counts(node: KubeObject) -> list[GpuCountSummary]:
    """GPU resources with capacity and what is allocatable of it."""
    capacity, allocatable = strings(status(node).get("capacity")), strings(status(node).get("allocatable"))
    names = sorted(name for name in capacity.keys() | allocatable.keys() if is_gpu_resource(name))
    return [
        GpuCountSummary(resource=name, capacity=count(capacity.get(name)), allocatable=count(allocatable.get(name)))
        for name in names
    ]


def count(quantity: object) -> int:
    """A whole-number quantity; 0 for anything else (extended resources have no fractions)."""
    words = str(quantity)
    return int(words) if words.isdigit() else 0


def _ready(node: KubeObject) -> str:
    found = [text(entry.get("status")) for entry in conditions(node) if entry.get("type") == "Ready"]
    return found[0] if found else "Unknown"


def _cordon(node: KubeObject) -> Writer | None:
    """Who made the node unschedulable and when; None for a schedulable node."""
    if spec(node).get("unschedulable") is not True:
        return None
    writer = writer_of(node, "spec", "unschedulable")
    added = [parse_time(taint.get("timeAdded")) for taint in _raw_taints(node) if taint.get("key") == _UNSCHEDULABLE]
    at = next((moment for moment in added if moment), None) or (writer.at if writer else None)
    return Writer(writer.manager if writer else "", at)


def _owner(labels: dict[str, str], cordon: Writer | None) -> str | None:
    """Who holds the node: a remediation system by its label, else whoever cordoned it."""
    state = labels.get(NVSENTINEL_STATE)
    if state:
        return f"nvsentinel:{state}"
    if cordon is None:
        return None
    if not cordon.manager:
        return "unknown"
    return f"person:{cordon.manager}" if cordon.manager.startswith("kubectl") else f"controller:{cordon.manager}"


def _raw_taints(node: KubeObject) -> list[KubeObject]:
    return objects(spec(node).get("taints"))


def _taints(node: KubeObject) -> list[TaintSummary]:
    """The taints; the API keeps one owner for the whole list, and none worth naming for its own taints."""
    writer = writer_of(node, "spec", "taints")
    return [
        TaintSummary(
            key=text(taint.get("key")),
            value=text(taint.get("value")),
            effect=text(taint.get("effect")),
            added_at=iso(parse_time(taint.get("timeAdded"))),
            owner="kubernetes" if text(taint.get("key")).startswith("node.kubernetes.io/") else _manager(writer),
        )
        for taint in _raw_taints(node)
    ]


def _manager(writer: Writer | None) -> str | None:
    return writer.manager if writer else None


def _annotation_owners(node: KubeObject, foreign: dict[str, str]) -> dict[str, str]:
    owners = {key: writer_of(node, "metadata", "annotations", key) for key in foreign}
    return {key: writer.manager for key, writer in owners.items() if writer}
