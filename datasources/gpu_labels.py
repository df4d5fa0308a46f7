"""Which node and which GPU a metric's labels speak of, compared exactly. Pure.

Exporters and relabelling rules differ in label names; a name that only begins like the node's is another node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gcm_sentinel.domain.entity import Entity, EntityKind, gpu
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.summaries import GpuIdentity

NODE_LABELS = ("Hostname", "node", "kubernetes_node", "nodename", "hostname", "node_name")
"""Labels that hold a node's name, the most telling first."""
SERIAL_LABELS = ("DCGM_FI_DEV_SERIAL", "DCGM_FI_DEV_BOARD_SERIAL", "serial")
"""Labels that hold a GPU's serial number; exporters add one only when they are told to."""

Labels = Mapping[str, str]


def instance_host(labels: Labels) -> str:
    """The host part of ``instance``: ``10.0.0.7`` of ``10.0.0.7:9400``; empty when there is none."""
    instance = labels.get("instance", "").removeprefix("http://").removeprefix("https://")
    if instance.startswith("["):
        return instance[1:].split("]", 1)[0]
    return instance.rsplit(":", 1)[0] if instance.count(":") == 1 else instance


def node_named(labels: Labels) -> str:
    """The node the labels name, as far as they do; the host part of ``instance`` otherwise."""
    for label in NODE_LABELS:
        if labels.get(label):
            return labels[label]
    return instance_host(labels)


def speaks_of(labels: Labels, node: str) -> bool:
    """Whether the labels name exactly this node."""
    return node in (labels.get(label) for label in NODE_LABELS) or instance_host(labels) == node


def gpu_index(labels: Labels) -> int | None:
    """The GPU index the exporter gave, None when the series is not about one GPU."""
    text = labels.get("gpu", "")
    return int(text) if text.isdecimal() else None


def gpu_key(labels: Labels) -> str | None:
    """What tells GPUs (and MIG instances) of one node apart: ``3``, or ``3/7`` for GPU instance 7 of GPU 3."""
    index = gpu_index(labels)
    if index is None:
        return None
    instance = labels.get("GPU_I_ID", "")
    return f"{index}/{instance}" if instance else str(index)


def holding_pod(labels: Labels) -> str | None:
    """The pod that holds the GPU as ``namespace/name``, None when the exporter maps none.

    Prometheus renames the exporter's own ``pod`` label to ``exported_pod`` unless the scrape honours labels; a plain
    ``pod`` that is the exporter itself holds nothing.
    """
    if labels.get("exported_pod"):
        return f"{labels.get('exported_namespace', '')}/{labels['exported_pod']}"
    pod = labels.get("pod", "")
    if not pod or "dcgm-exporter" in pod or "dcgm-exporter" in labels.get("container", ""):
        return None
    return f"{labels.get('namespace', '')}/{pod}"


def identity(labels: Labels) -> GpuIdentity | None:
    """The GPU the labels name."""
    index = gpu_index(labels)
    if index is None:
        return None
    known = GpuIdentity(
        index=index,
        uuid=labels.get("UUID") or labels.get("uuid"),
        pci=labels.get("pci_bus_id"),
        model=labels.get("modelName"),
        pod=holding_pod(labels),
    )
    serial = next((labels[label] for label in SERIAL_LABELS if labels.get(label)), None)
    if serial:
        known["serial"] = serial
    return known


def named_gpu(node: str, known: GpuIdentity) -> Entity:
    """The GPU as an entity of `node`."""
    return gpu(node, index=known["index"], uuid=known["uuid"], pci=known["pci"], serial=known.get("serial"))


def entities_of(label_sets: Iterable[Labels], *, limit: int = 200) -> tuple[Entity, ...]:
    """Nodes, GPUs and pods that metric labels show to exist, each once, at most `limit`."""
    found: dict[tuple[str, str, str | None], Entity] = {}
    for labels in label_sets:
        for entity in _entities(labels):
            found.setdefault((entity.kind, entity.name, entity.node), entity)
        if len(found) >= limit:
            break
    return tuple(found.values())[:limit]


def _entities(labels: Labels) -> list[Entity]:
    host = next((labels[label] for label in NODE_LABELS if labels.get(label)), None)
    found = [node_entity(host)] if host else []
    known = identity(labels)
    if host and known:
        found.append(named_gpu(host, known))
    pod = holding_pod(labels) if known else None
    if pod:
        found.append(Entity(EntityKind.POD, pod, node=host))
    return found
