"""Data source `kubernetes`: a node as the API server knows it, its events, its DaemonSets, and its system pods' logs.

Read-only. A pod's log is given for pods of the node only; names reach workload pods only when no system pod matches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.datasources import daemonset_reads, daemonsets, event_reads, log_answers, tool_calls
from gcm_sentinel.datasources import pods as pod_facts
from gcm_sentinel.datasources.boot_time import addresses, boot_time
from gcm_sentinel.datasources.cluster_reads import (
    NODE_ARGUMENT,
    Handler,
    absent,
    as_evidence,
    availability,
    compact,
    dispatch,
    no_such_node,
    node_path,
    pods_on_node,
    refused,
    whole_number,
)
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.node_facts import node_info
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.errors import NotFound, SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Scope
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

_PODS = "/api/v1/pods"
_LOG_PODS = 6
_LOG_LINES_MAX = 5000
_LOG_LINES_SHOWN = 30

_TOOLS = (
    ToolSpec(
        "get_node_info",
        "The node as Kubernetes knows it: conditions with polarity, age and parsed message, taints, who cordoned it, "
        "GPU capacity and allocatable, labels, announced maintenance, and who last changed what (managedFields).",
        {"type": "object", "properties": {"node_name": NODE_ARGUMENT}, "required": []},
    ),
    ToolSpec(
        "get_node_events",
        "Kubernetes Events about the node and its pods, newest first (clusters keep them for about an hour).",
        {"type": "object", "properties": {"node_name": NODE_ARGUMENT}, "required": []},
    ),
    ToolSpec(
        "get_pod_logs",
        "Logs of the node's GPU operator and monitoring pods (device plugin, exporters, node-problem-detector); of "
        "crashed containers also the previous instance: recognised lines counted, newest lines shown.",
        {
            "type": "object",
            "properties": {
                "node_name": NODE_ARGUMENT,
                "pod_name_pattern": {"type": "string", "description": "Part of a pod's name, or a glob."},
                "tail_lines": {
                    "type": "integer",
                    "description": "Newest lines to read per container; 500 if left out.",
                },
            },
            "required": [],
        },
    ),
    ToolSpec(
        "get_daemonsets",
        "The GPU operator's, monitoring and system DaemonSets: rollout state over the fleet, who changed the template "
        "and when, why pods wait, and the pod on this node.",
        {"type": "object", "properties": {"node_name": NODE_ARGUMENT}, "required": []},
    ),
)


def build(context: SourceContext) -> KubernetesSource:
    """The source; does no I/O."""
    return KubernetesSource(context)


class KubernetesSource:
    """The Kubernetes API about one node."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._client = context.kubernetes
        self._handlers: Mapping[str, Handler] = {
            "get_node_info": self._node_info,
            "get_node_events": self._node_events,
            "get_pod_logs": self._pod_logs,
            "get_daemonsets": self._daemonsets,
        }

    @property
    def name(self) -> str:
        """``kubernetes``."""
        return "kubernetes"

    async def is_available(self) -> Availability:
        """Whether nodes can be listed."""
        return await availability(self._client, "/api/v1/nodes", "get and list on nodes")

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """Four tools."""
        return _TOOLS

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Run one of them."""
        return await dispatch(self._handlers, call, scope)

    def get_system_prompt_section(self) -> str:
        """None: ``prompts/sources/kubernetes.md`` says it."""
        return ""

    async def _node_info(self, _call: ToolCall, node: str) -> ToolResult:
        query = f"GET {node_path(node)}"
        try:
            found = await self._client.get(node_path(node))
        except NotFound as error:
            return no_such_node(query, node, error)
        except SentinelError as error:
            return refused(query, error, grant="get on nodes")
        async with asyncio.TaskGroup() as group:
            counted = group.create_task(self._count_pods(node))
            booted = group.create_task(boot_time(self._context.prometheus, node, addresses(found)))
        pods_total, note = counted.result()
        summary = node_info(
            found,
            pods_total=pods_total,
            patterns=self._context.watch_conditions,
            now=self._context.clock.now(),
            booted_at=booted.result(),
        )
        return ToolResult(
            ResultStatus.OK,
            query,
            summary=tool_calls.as_json(summary),
            raw=compact(as_evidence(found)),
            entities=(node_entity(node),),
            note=note,
        )

    async def _count_pods(self, node: str) -> tuple[int | None, str]:
        try:
            return len(await pods_on_node(self._client, node)), ""
        except SentinelError as error:
            return None, f"pods of the node could not be listed: {error}"

    async def _node_events(self, _call: ToolCall, node: str) -> ToolResult:
        return await event_reads.read(self._client, node)

    async def _pod_logs(self, call: ToolCall, node: str) -> ToolResult:
        pattern = tool_calls.text(call, "pod_name_pattern", "")
        lines = whole_number(call, "tail_lines", 500, _LOG_LINES_MAX)
        query = f"GET {_PODS}?fieldSelector=spec.nodeName={node}, then logs of pods like {pattern or 'the GPU stack'!r}"
        try:
            pods = await pods_on_node(self._client, node)
        except SentinelError as error:
            return refused(query, error, grant="list on pods and get on pods/log")
        chosen = _chosen(pods, pattern)
        if not chosen:
            there = ", ".join(sorted(map(pod_facts.name, pods))[:30]) or "none"
            nothing = ToolResult(ResultStatus.NO_DATA, query, note=f"no pod of {node} matches; its pods: {there}")
            return (await absent(self._client, node, query) if not pods else None) or nothing
        question = log_answers.LogQuestion(node, query, _LOG_PODS, lines, _LOG_LINES_SHOWN)
        return await log_answers.answer(self._client, question, log_answers.in_trouble_first(chosen))

    async def _daemonsets(self, _call: ToolCall, node: str) -> ToolResult:
        return await daemonset_reads.read(self._client, node)


def _chosen(pods: Sequence[KubeObject], pattern: str) -> list[KubeObject]:
    """System and GPU stack pods; workload pods only for a pattern that no system pod matches."""
    system = [pod for pod in pods if daemonsets.is_system_namespace(pod_facts.namespace(pod)) or _stack(pod)]
    if not pattern:
        return [pod for pod in system if daemonsets.is_gpu_stack(pod_facts.name(pod))]
    return log_answers.named(system, pattern) or log_answers.named(pods, pattern)


def _stack(pod: KubeObject) -> bool:
    return pod_facts.daemonset_of(pod) is not None and daemonsets.is_gpu_stack(pod_facts.name(pod))
