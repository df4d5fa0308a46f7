"""`meta.k8s.io/v1 Table`: what kubectl asks for when it prints lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sentinel_fleet.kube import printers
from sentinel_fleet.kube.jsontypes import JsonObject, dig
from sentinel_fleet.kube.printers import Cells
from sentinel_fleet.kube.record import Record
from sentinel_fleet.kube.resources import Resource


@dataclass(frozen=True, slots=True)
class Columns:
    """A kind's columns; those after `|` show with `-o wide` only, `#` marks numbers, `?` booleans."""

    text: str
    cells: Callable[[JsonObject, float], Cells]

    def definitions(self) -> list[JsonObject]:
        """The column definitions of the Table."""
        shown, _, wide = self.text.partition(" | ")
        return [_column(name, 0) for name in shown.split(", ")] + [
            _column(name, 1) for name in wide.split(", ") if wide
        ]


def _column(text: str, priority: int) -> JsonObject:
    name = text.rstrip("#?")
    kind = "integer" if text.endswith("#") else "boolean" if text.endswith("?") else "string"
    return {
        "name": name,
        "type": kind,
        "format": "name" if name == "Name" else "",
        "description": "",
        "priority": priority,
    }


_TEMPLATE = "Containers, Images, Selector"
_COLUMNS = {
    "Node": Columns(
        "Name, Status, Roles, Age, Version | Internal-IP, External-IP, OS-Image, Kernel-Version, Container-Runtime",
        printers.node_cells,
    ),
    "Pod": Columns(
        "Name, Ready, Status, Restarts, Age | IP, Node, Nominated Node, Readiness Gates", printers.pod_cells
    ),
    "DaemonSet": Columns(
        f"Name, Desired#, Current#, Ready#, Up-to-date#, Available#, Node Selector, Age | {_TEMPLATE}",
        printers.daemonset_cells,
    ),
    "Deployment": Columns(f"Name, Ready, Up-to-date#, Available#, Age | {_TEMPLATE}", printers.deployment_cells),
    "ReplicaSet": Columns(f"Name, Desired#, Current#, Ready#, Age | {_TEMPLATE}", printers.replicaset_cells),
    "StatefulSet": Columns("Name, Ready, Age | Containers, Images", printers.statefulset_cells),
    "Job": Columns(f"Name, Status, Completions, Duration, Age | {_TEMPLATE}", printers.job_cells),
    "CronJob": Columns(
        f"Name, Schedule, Timezone, Suspend?, Active#, Last Schedule, Age | {_TEMPLATE}", printers.cronjob_cells
    ),
    "Service": Columns("Name, Type, Cluster-IP, External-IP, Port(s), Age | Selector", printers.service_cells),
    "PodDisruptionBudget": Columns(
        "Name, Min Available, Max Unavailable, Allowed Disruptions#, Age", printers.budget_cells
    ),
    "Namespace": Columns("Name, Status, Age", printers.namespace_cells),
    "ConfigMap": Columns("Name, Data#, Age", printers.configmap_cells),
    "Lease": Columns("Name, Holder, Age", printers.lease_cells),
    "PyTorchJob": Columns("Name, State, Age", printers.pytorchjob_cells),
    "MPIJob": Columns("Name, State, Age", printers.pytorchjob_cells),
}
_PLAIN = Columns("Name, Age", printers.plain_cells)

_EVENT_DEFINITIONS = [
    _column(name, priority)
    for name, priority in (
        ("Last Seen", 0),
        ("Type", 0),
        ("Reason", 0),
        ("Object", 0),
        ("Subobject", 1),
        ("Source", 1),
        ("Message", 0),
        ("First Seen", 1),
        ("Count#", 1),
        ("Name", 1),
    )
]


def partial_metadata(obj: JsonObject) -> JsonObject:
    """An object reduced to its metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def table(
    resource: Resource, records: Sequence[Record], now: float, include: str, *, header: bool = True
) -> JsonObject:
    """The Table of some objects, without list metadata.

    `include` is the request's includeObject: `None`, `Object`, or anything else for metadata only.
    """
    columns = _COLUMNS.get(resource.kind, _PLAIN)
    definitions = _EVENT_DEFINITIONS if resource.kind == "Event" else columns.definitions()
    cells = printers.event_cells if resource.kind == "Event" else columns.cells
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": definitions if header else [],
        "rows": [_row(record.obj, cells(record.obj, now), include) for record in records],
    }


def _row(obj: JsonObject, cells: Cells, include: str) -> JsonObject:
    row: JsonObject = {"cells": cells}
    if obj["kind"] == "Pod" and dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        phase = obj["status"]["phase"]
        row["conditions"] = [{"type": "Completed", "status": "True", "reason": phase}]
    if include == "Object":
        row["object"] = obj
    elif include != "None":
        row["object"] = partial_metadata(obj)
    return row
