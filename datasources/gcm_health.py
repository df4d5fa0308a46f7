"""Data source `gcm_health`: what the node's health checks say, as node-problem-detector's metrics and as conditions.

The two can disagree, which is itself a finding: a condition keeps its first message, the metric follows the last run.
Series are matched to the node exactly: by the `node` label, or by an `instance` that is one of its names or addresses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.prometheus import PromResult, PromSeries
from gcm_sentinel.datasources import tool_calls
from gcm_sentinel.datasources.boot_time import addresses, boot_time, exact_instance
from gcm_sentinel.datasources.cluster_reads import (
    NODE_ARGUMENT,
    Handler,
    as_evidence,
    availability,
    compact,
    dispatch,
    no_such_node,
    node_path,
    refused,
)
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.node_conditions import condition_summaries
from gcm_sentinel.domain.conditions import CORE_CONDITIONS, has_known_polarity
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.errors import NotFound, SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Scope
from gcm_sentinel.domain.summaries import ConditionSummary, GcmHealthSummary, ProblemMetric
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

_METRICS = "problem_gauge|problem_counter"
_PREFIXES = ("Gcm", "NPD", "Gpu")
_SHOWN = 60

_TOOLS = (
    ToolSpec(
        "get_gcm_health",
        "The node's health checks: node-problem-detector's problem_gauge and problem_counter, and the check conditions "
        "(Gcm*, NPD*, Gpu* ...) with their messages parsed: cut records, OK lines of another check, checks that could "
        "not run.",
        {"type": "object", "properties": {"node_name": NODE_ARGUMENT}, "required": []},
    ),
)


def build(context: SourceContext) -> GcmHealthSource:
    """The source; does no I/O."""
    return GcmHealthSource(context)


class GcmHealthSource:
    """Health checks of one node."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._handlers: Mapping[str, Handler] = {"get_gcm_health": self._health}

    @property
    def name(self) -> str:
        """``gcm_health``."""
        return "gcm_health"

    async def is_available(self) -> Availability:
        """Whether nodes can be read; metrics are an addition."""
        return await availability(self._context.kubernetes, "/api/v1/nodes", "get and list on nodes")

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """One tool."""
        return _TOOLS

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Run it."""
        return await dispatch(self._handlers, call, scope)

    def get_system_prompt_section(self) -> str:
        """None: ``prompts/sources/gcm_health.md`` says it."""
        return ""

    async def _health(self, _call: ToolCall, node: str) -> ToolResult:
        query = f"GET {node_path(node)} (check conditions); {_selector(node)}"
        try:
            found = await self._context.kubernetes.get(node_path(node))
        except NotFound as error:
            return no_such_node(query, node, error)
        except SentinelError as error:
            return refused(query, error, grant="get on nodes")
        known_as = addresses(found)
        async with asyncio.TaskGroup() as group:
            metrics_read = group.create_task(self._metrics(node, known_as))
            boot_read = group.create_task(boot_time(self._context.prometheus, node, known_as))
        (status, series, note), booted_at = metrics_read.result(), boot_read.result()
        checks = [
            entry
            for entry in condition_summaries(
                found, patterns=self._context.watch_conditions, now=self._context.clock.now(), booted_at=booted_at
            )
            if _is_check(entry)
        ]
        summary = GcmHealthSummary(
            node=node, problem_metrics=_problem_metrics(series), metrics_status=status, conditions=checks
        )
        return ToolResult(
            ResultStatus.OK if checks or series else ResultStatus.NO_DATA,
            query,
            summary=tool_calls.as_json(summary),
            raw=compact(
                {"conditions": _raw_conditions(found, checks), "metrics": [_raw_series(entry) for entry in series]}
            ),
            entities=(node_entity(node),),
            note=note,
        )

    async def _metrics(self, node: str, known_as: Sequence[str]) -> tuple[str, list[PromSeries], str]:
        """Status, series and a note for whoever wonders where the metrics are."""
        prometheus = self._context.prometheus
        if prometheus is None:
            return "unavailable", [], "no Prometheus is configured, so the checks' metrics were not read"
        by_instance = f'{{__name__=~"{_METRICS}",instance=~"{exact_instance(dict.fromkeys((node, *known_as)))}"}}'
        found: list[PromSeries] = []
        for selector in (_selector(node), by_instance):
            try:
                result: PromResult = await prometheus.query(selector)
            except SentinelError as error:
                return "error", found, f"the checks' metrics could not be read: {error}"
            found += [entry for entry in result.series if entry not in found]
        if found:
            return "ok", found, ""
        return "no_data", [], "Prometheus has no problem_gauge or problem_counter of this node"


def _selector(node: str) -> str:
    return f'{{__name__=~"{_METRICS}",node="{node}"}}'


def _is_check(condition: ConditionSummary) -> bool:
    type_ = condition["type"]
    if type_ in CORE_CONDITIONS:
        return False
    return type_.startswith(_PREFIXES) or has_known_polarity(type_) or condition["state"] != "unlisted"


def _problem_metrics(series: Sequence[PromSeries]) -> list[ProblemMetric]:
    """What is not zero first; the rest says that a check exists and found nothing."""
    metrics = [
        ProblemMetric(
            metric=entry.labels.get("__name__", ""),
            type=entry.labels.get("type", ""),
            reason=entry.labels.get("reason", ""),
            value=entry.points[-1][1],
        )
        for entry in series
        if entry.points
    ]
    return sorted(metrics, key=lambda entry: (not entry["value"], entry["metric"], entry["reason"]))[:_SHOWN]


def _raw_conditions(node: KubeObject, checks: Sequence[ConditionSummary]) -> object:
    types = {entry["type"] for entry in checks}
    conditions = as_evidence(node).get("status", {}).get("conditions") or []
    return [entry for entry in conditions if isinstance(entry, dict) and entry.get("type") in types]


def _raw_series(series: PromSeries) -> dict[str, object]:
    return {"labels": dict(series.labels), "value": series.points[-1][1] if series.points else None}
