"""What all node tools share: the arguments a model gives, the node they name, and the order they come to."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gcm_sentinel.clients.kubernetes import KubeObject, metadata
from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.clients.kubernetes.objects import strings, text
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, ApiCall, Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Plan
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools.context import ClusterReader

MERGE_PATCH = "application/merge-patch+json"
_NODE_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_REASON_MAX = 500

NODE: Json = {"type": "string", "description": "Exact name of a node this incident is about."}
REASON: Json = {"type": "string", "description": "Why, in one sentence; people see it."}


def spec_of(operation: Operation, description: str, properties: Mapping[str, Json]) -> ToolSpec:
    """The tool of `operation` as a model sees it: every property required, nothing else allowed."""
    everything: JsonObject = {**properties, "reason": REASON}
    return ToolSpec(
        str(operation),
        description,
        {
            "type": "object",
            "properties": everything,
            "required": list(everything),
            "additionalProperties": False,
        },
    )


def argument(call: ToolCall, name: str) -> str:
    """A text argument, exactly as it was given.

    Raises:
        ValueError: it is missing, empty or no text.
    """
    value = call.arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{call.name} needs the argument {name!r}: a text, not {value!r}")
    return value


def node_name(call: ToolCall) -> str:
    """The argument `node_name`; it becomes part of a URL path, so what cannot be a node's name is refused.

    Raises:
        ValueError: not a name Kubernetes allows.
    """
    value = argument(call, "node_name")
    if len(value) > 253 or not _NODE_NAME.fullmatch(value):
        raise ValueError(f"'node_name' is no node name: {value!r}; give the exact name of one node")
    return value


def reason(call: ToolCall) -> str:
    """The argument `reason`, cut to what people read; empty where it was left out. Of its own answer it is the same."""
    value = call.arguments.get("reason")
    return value.strip()[:_REASON_MAX].rstrip() if isinstance(value, str) else ""


def node_path(name: str) -> str:
    """API path of a node."""
    return f"/api/v1/nodes/{name}"


async def read_node(cluster: ClusterReader, name: str) -> KubeObject:
    """The Node object.

    Raises:
        NotFound: there is none.
        SentinelError: it could not be read.
    """
    return await cluster.get(node_path(name))


def node_plan(
    operation: Operation,
    node: KubeObject,
    scope: Scope,
    calls: tuple[ApiCall, ...],
    *,
    arguments: JsonObject | None = None,
    why: str = "",
) -> Plan:
    """The plan of an operation on a node as it was read."""
    name, uid = text(metadata(node).get("name")), text(metadata(node).get("uid"))
    order = Order(
        operation,
        ActionTarget("node", name, uid),
        scope.incident.id,
        scope.incident.investigation_id,
        arguments or {},
        calls,
        why,
    )
    return Plan(order, marks_of(node), strings(metadata(node).get("labels")), already=not calls)


def version_of(node: KubeObject) -> str:
    """Its resource version."""
    return text(metadata(node).get("resourceVersion"))
