"""Reading the DaemonSets an investigator of GPU nodes cares about, for `get_daemonsets`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient, metadata
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.datasources import daemonsets, tool_calls
from gcm_sentinel.datasources import pods as pod_facts
from gcm_sentinel.datasources.cluster_reads import absent, as_evidence, compact, pods_on_node, refused, some_pages
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.summaries import DaemonSetsSummary, DaemonSetSummary

_DAEMONSETS = "/apis/apps/v1/daemonsets"
_POD_PAGES = 6


@dataclass(frozen=True, slots=True)
class _Found:
    """One DaemonSet, its pod on the node, and what its pods wait for."""

    daemonset: KubeObject
    pod: KubeObject | None
    waiting: dict[str, int]
    note: str


async def read(client: KubernetesClient, node: str) -> ToolResult:
    """The result of `get_daemonsets`."""
    query = f"GET {_DAEMONSETS} (GPU stack, monitoring, system; pods on {node})"
    missing = await absent(client, node, query)
    if missing is not None:
        return missing
    try:
        listed, _ = await client.list(_DAEMONSETS)
        pods = await pods_on_node(client, node)
    except SentinelError as error:
        return refused(query, error, grant="list on daemonsets.apps and on pods")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_look(client, entry, pods)) for entry in listed if daemonsets.relevant(entry)]
    return _result(node, query, [task.result() for task in tasks])


async def _look(client: KubernetesClient, daemonset: KubeObject, pods: Sequence[KubeObject]) -> _Found:
    """The pods of the whole fleet are read only where something is wrong."""
    here = next((pod for pod in pods if daemonsets.owns(daemonset, pod)), None)
    if not daemonsets.unhealthy(daemonset):
        return _Found(daemonset, here, {}, "")
    name, namespace = text(metadata(daemonset).get("name")), text(metadata(daemonset).get("namespace"))
    selector = {"labelSelector": daemonsets.selector(daemonset)}
    try:
        theirs, whole = await some_pages(client, f"/api/v1/namespaces/{namespace}/pods", selector, _POD_PAGES)
    except SentinelError as error:
        return _Found(daemonset, here, {}, f"pods of {name} are missing: {error}")
    waiting = daemonsets.waiting_reasons(pod for pod in theirs if daemonsets.owns(daemonset, pod))
    return _Found(daemonset, here, waiting, "" if whole else f"not all pods of {name} were read")


def _result(node: str, query: str, found: Sequence[_Found]) -> ToolResult:
    summaries = [daemonsets.summary(entry.daemonset, entry.pod, entry.waiting) for entry in found]
    here = [entry.pod for entry in found if entry.pod is not None]
    summary = DaemonSetsSummary(node=node, daemonsets=sorted(summaries, key=_health))
    return ToolResult(
        ResultStatus.OK if found else ResultStatus.NO_DATA,
        query,
        summary=tool_calls.as_json(summary),
        raw=compact([*(as_evidence(entry.daemonset) for entry in found), *map(as_evidence, here)]),
        entities=(
            node_entity(node),
            *(daemonsets.entity(entry.daemonset) for entry in found),
            *map(pod_facts.entity, here),
        ),
        note=". ".join(entry.note for entry in found if entry.note),
    )


def _health(summary: DaemonSetSummary) -> tuple[bool, bool, str]:
    """Sorts what is wrong on this node first, then what is wrong anywhere."""
    pod = summary["pod_on_node"]
    well_here = pod is not None and pod["phase"] == "Running" and all(entry["ready"] for entry in pod["containers"])
    return well_here, summary["ready"] >= summary["desired"], summary["name"]
