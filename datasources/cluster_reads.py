"""What the sources that read the Kubernetes API share: the node argument, a node's pods, times, objects as raw text.

Used by `kubernetes`, `workloads`, `topology` and `gcm_health`. Node names are compared exactly, everywhere. What this
product wrote itself (its annotations and Events) is taken out before anything becomes evidence: an earlier verdict
must not speak for the next one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, TypeAlias

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient, metadata
from gcm_sentinel.clients.kubernetes.objects import mapping, status, strings, text
from gcm_sentinel.datasources import tool_calls
from gcm_sentinel.domain.errors import Forbidden, NotFound, SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Availability, Scope
from gcm_sentinel.domain.transcript import ToolCall

OWN_COMPONENT = "gcm-sentinel"
_OWN_PREFIX = "gcm-sentinel/"
_NOISE = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})

NODE_ARGUMENT: Json = {"type": "string", "description": "Exact node name; left out: the node under investigation."}


def whole_number(call: ToolCall, name: str, default: int, most: int) -> int:
    """A count argument between 1 and `most`.

    Raises:
        ValueError: it is not a whole number.
    """
    value = tool_calls.text(call, name, str(default))
    if not re.fullmatch(r"\d{1,9}(\.0)?", value):
        raise ValueError(f"{name!r} must be a whole number, not {value!r}")
    return max(1, min(int(float(value)), most))


def node_path(node: str) -> str:
    """API path of a node."""
    return f"/api/v1/nodes/{node}"


Handler: TypeAlias = Callable[[ToolCall, str], Awaitable[ToolResult]]


async def dispatch(handlers: Mapping[str, Handler], call: ToolCall, scope: Scope) -> ToolResult:
    """Run the handler of a call for the node it is about; wrong arguments are answered in words."""
    handler = handlers.get(call.name)
    if handler is None:
        return tool_calls.failed(
            call.name, f"no tool named {call.name!r} here; there are {', '.join(sorted(handlers))}"
        )
    try:
        return await handler(call, tool_calls.node_name(call, scope))
    except ValueError as error:
        return tool_calls.failed(call.name, str(error))


async def absent(client: KubernetesClient, node: str, query: str) -> ToolResult | None:
    """A result that says so when no node has exactly this name; None when it exists or cannot be looked up."""
    try:
        await client.get(node_path(node))
    except NotFound as error:
        return no_such_node(query, node, error)
    except SentinelError:
        return None
    return None


async def pods_on_node(client: KubernetesClient, node: str) -> list[KubeObject]:
    """All pods bound to the node, finished ones included.

    Raises:
        SentinelError: the API server did not give them.
    """
    pods, _ = await client.list("/api/v1/pods", {"fieldSelector": f"spec.nodeName={node}"})
    return pods


async def some_pages(
    client: KubernetesClient, path: str, params: Mapping[str, str], pages: int
) -> tuple[list[KubeObject], bool]:
    """Up to `pages` pages of a collection, and whether that was all of it.

    Raises:
        SentinelError: the API server did not give them.
    """
    found: list[KubeObject] = []
    async with aclosing(client.pages(path, params)) as listing:
        read = 0
        async for page in listing:
            if read == pages:
                return found, False
            if page.first:
                found.clear()
            found += page.items
            read += 1
    return found, True


def refused(query: str, error: SentinelError, *, grant: str) -> ToolResult:
    """The result for a failed read; `grant` names the RBAC rule that a forbidden one needs."""
    needs = f"It needs RBAC: {grant}; see `gcm-sentinel doctor`." if isinstance(error, Forbidden) else ""
    return tool_calls.of_error(query, error, enable=needs)


def no_such_node(query: str, node: str, error: NotFound) -> ToolResult:
    """The API server knows no node of exactly this name, which is an observation."""
    note = f"there is no node named exactly {node!r}; names are never completed or guessed ({error})"
    return ToolResult(ResultStatus.NO_DATA, query, note=note)


async def availability(client: KubernetesClient, path: str, grant: str) -> Availability:
    """Whether the API server lists what is at `path`."""
    try:
        await client.get(path, {"limit": 1})
    except SentinelError as error:
        return Availability(usable=False, reason=str(error), how_to_enable=f"grant {grant} to the service account")
    return Availability(usable=True)


def iso(moment: datetime | None) -> str | None:
    """ISO-8601 in UTC, None for None."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def age_s(now: datetime, moment: datetime | None) -> float | None:
    """Seconds from `moment` to `now`, None when it is not known."""
    return round((now - moment).total_seconds(), 3) if moment else None


def compact(value: object) -> str:
    """JSON without blanks: how objects are kept as raw evidence."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def foreign_annotations(obj: Mapping[str, Any]) -> dict[str, str]:
    """The object's annotations but our own and the copy kubectl keeps of the whole object."""
    found = strings(metadata(obj).get("annotations"))
    return {key: value for key, value in found.items() if not key.startswith(_OWN_PREFIX) and key not in _NOISE}


def as_evidence(obj: KubeObject) -> KubeObject:
    """The object as it may be stored: without our own marks, the environment of its containers (or of those it is a
    template for), where secrets live, and a node's list of images."""
    meta = {**metadata(obj), "annotations": foreign_annotations(obj)}
    meta["managedFields"] = [entry for entry in meta.get("managedFields") or [] if not _is_ours(entry)]
    kept = {**obj, "metadata": meta}
    if "images" in status(obj):
        kept["status"] = {key: value for key, value in status(obj).items() if key != "images"}
    if "containers" in mapping(obj.get("spec")):
        kept["spec"] = _without_environment(mapping(obj.get("spec")))
    elif "template" in mapping(obj.get("spec")):
        kept["spec"] = {**mapping(obj.get("spec")), "template": as_evidence(mapping(mapping(obj["spec"])["template"]))}
    return kept


def _is_ours(entry: object) -> bool:
    return text(mapping(entry).get("manager")) == OWN_COMPONENT


def _without_environment(pod_spec: KubeObject) -> KubeObject:
    kept = dict(pod_spec)
    for field in ("containers", "initContainers", "ephemeralContainers"):
        if field in kept:
            kept[field] = [
                {key: value for key, value in mapping(entry).items() if key not in ("env", "envFrom")}
                for entry in kept[field] or []
            ]
    return kept
