"""The things an investigation talks about, named so that two sources can agree they mean the same one.

A claim or a culprit may only name an entity that an authoritative source (an API object, a metric label, a kernel
record) showed in this investigation. Text inside a log line never creates an entity.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EntityKind(StrEnum):
    """What an entity is."""

    NODE = "node"
    GPU = "gpu"
    NIC = "nic"
    POD = "pod"
    WORKLOAD = "workload"
    DAEMONSET = "daemonset"
    SERVICE = "service"
    SWITCH = "switch"
    RACK = "rack"
    ROLLOUT = "rollout"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing in the fleet.

    A GPU is known by `uuid`, by `serial`, by (`node`, `index`) or by (`node`, `pci`); whatever is known is filled in.
    For every other kind `name` identifies it (a pod as ``namespace/name``), with `node` where it lives on one.
    """

    kind: EntityKind
    name: str
    node: str | None = None
    index: int | None = None
    """GPU or NIC index on its node, as NVML counts it."""
    uuid: str | None = None
    """``GPU-…`` as NVML prints it."""
    pci: str | None = None
    """PCI address, ``0000:17:00`` or ``00000000:17:00.0``; compared with `normal_pci`."""
    serial: str | None = None
    """Serial number as the maker gave it: stays with the part when it moves to another node or slot.
    GPUs that share a board share it, so a known `uuid` of both decides first."""

    def same_as(self, other: Entity) -> bool:
        """Whether both name the same thing, by the strongest identity they share."""
        if self.kind is not other.kind:
            return False
        if self.kind in (EntityKind.GPU, EntityKind.NIC):
            return self._same_device(other)
        if self.kind in (EntityKind.POD, EntityKind.WORKLOAD):
            return _same_namespaced(self.name, other.name)
        return self.name == other.name

    def _same_device(self, other: Entity) -> bool:
        if self.uuid and other.uuid:
            return self.uuid == other.uuid
        if self.serial and other.serial:
            return self.serial == other.serial
        if self.node != other.node or self.node is None:
            return False
        if self.pci and other.pci:
            return normal_pci(self.pci) == normal_pci(other.pci)
        if self.index is not None and other.index is not None:
            return self.index == other.index
        return bool(self.name) and self.name == other.name


def _same_namespaced(one: str, other: str) -> bool:
    """Whether two names of a namespaced object agree; a name without its namespace matches any."""
    if "/" in one and "/" in other:
        return one == other
    return one.rpartition("/")[2] == other.rpartition("/")[2]


def normal_pci(address: str) -> str:
    """``0000:17:00`` from any spelling the driver, NVML or a label uses; lower case, no function digit."""
    parts = address.strip().lower().split(".")[0].split(":")
    if len(parts) == 2:
        parts = ["0", *parts]
    domain = parts[0].lstrip("0").rjust(4, "0")
    return ":".join([domain, *parts[1:3]])


def gpu(
    node: str, *, index: int | None = None, uuid: str | None = None, pci: str | None = None, serial: str | None = None
) -> Entity:
    """A GPU of `node` by whatever is known of it."""
    known = uuid or (f"gpu{index}" if index is not None else pci) or "gpu?"
    return Entity(EntityKind.GPU, known, node=node, index=index, uuid=uuid, pci=pci, serial=serial)


def node(name: str) -> Entity:
    """A Kubernetes node."""
    return Entity(EntityKind.NODE, name, node=name)
