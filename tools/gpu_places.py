"""Which node a GPU is in, by what sources have shown: a model's own word for it is only held against that."""

from __future__ import annotations

import re

from gcm_sentinel.domain.entity import EntityKind
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.tools import asking

_UUID = re.compile(r"GPU-[0-9A-Za-z-]{1,80}")

PROPERTIES: dict[str, Json] = {
    "gpu_uuid": {
        "type": "string",
        "description": "UUID of the GPU, GPU-..., as a source showed it, or its number on the node, 3.",
    },
    "node_name": {"type": "string", "description": "Exact name of the node it is in."},
}


def gpu_uuid(call: ToolCall) -> str:
    """The argument `gpu_uuid`.

    Raises:
        ValueError: it is no UUID of a whole GPU.
    """
    value = asking.argument(call, "gpu_uuid")
    if not _UUID.fullmatch(value):
        raise ValueError(f"'gpu_uuid' is no UUID of a GPU: {value!r}; give it as a source showed it, GPU-...")
    return value


def shown_on(uuid: str, scope: Scope) -> str:
    """The node that the evidence of this investigation shows the GPU in.

    Raises:
        ValueError: none does, or not all the same one.
    """
    nodes = {
        entity.node
        for evidence in scope.gathered
        for entity in evidence.result.entities
        if entity.kind is EntityKind.GPU and entity.uuid == uuid and entity.node
    }
    if not nodes:
        raise ValueError(f"no evidence of this investigation shows which node GPU {uuid} is in: look at it first")
    if len(nodes) > 1:
        raise ValueError(f"evidence shows GPU {uuid} in several nodes: {', '.join(sorted(nodes))}")
    return nodes.pop()


def gpu_and_node(call: ToolCall, scope: Scope) -> tuple[str, str]:
    """UUID of the GPU that the call names, and the node that evidence shows it in.

    Raises:
        ValueError: it names no whole GPU, evidence shows it in no node or several, or the node is another than the
            call says or none of the incident's.
    """
    uuid = gpu_uuid(call)
    node = shown_on(uuid, scope)
    check_place(call, uuid, node, scope)
    return uuid, node


def check_place(call: ToolCall, uuid: str, node: str, scope: Scope) -> None:
    """Refuse a GPU that is not where the call says, or not on a node of the incident.

    Raises:
        ValueError: says which.
    """
    said = call.arguments.get("node_name")
    if said and said != node:
        raise ValueError(f"GPU {uuid} is in node {node}, not in {said!r}")
    if node not in scope.incident.affected:
        raise ValueError(f"GPU {uuid} is in node {node}, which this incident is not about")
