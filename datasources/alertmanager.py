"""The `alertmanager` source: firing alerts of a node, by exact label, and how many other nodes have the same.

An alert is a rule's opinion of a metric, so its labels may be stale or name another part. What it says is a hint; how
widespread it is, is a fact.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.gpu_labels import node_named, speaks_of
from gcm_sentinel.datasources.tool_calls import as_json, failed, node_name, of_error, within
from gcm_sentinel.domain.errors import BadResponse, SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, ToolResult
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.summaries import AlertsSummary, AlertSummary
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

MAX_ALERTS = 50
MAX_DESCRIPTION = 500
ENABLE = "Set GCM_SENTINEL_ALERTMANAGER_URL to the address of an Alertmanager the agent can reach"

QUERY = ToolSpec(
    "query_alertmanager",
    "Alerts that are firing, silenced or inhibited for a node (matched by its exact name), with their age, and for each"
    " alert name how many other nodes have it too. node_name='' lists the alerts of the whole fleet.",
    {
        "type": "object",
        "properties": {"node_name": {"type": "string", "description": "Exact node name; empty for all alerts."}},
        "required": [],
        "additionalProperties": False,
    },
)


def build(context: SourceContext) -> Datasource:
    """The Alertmanager source; it says it is off when no address is configured."""
    return AlertmanagerSource(context)


class AlertmanagerSource:
    """Alerts."""

    def __init__(self, context: SourceContext) -> None:
        self._http = context.http
        self._clock = context.clock
        self._url = context.alertmanager_url.rstrip("/")
        self._deadline = context.call_timeout.total_seconds()

    @property
    def name(self) -> str:
        """``alertmanager``."""
        return "alertmanager"

    async def is_available(self) -> Availability:
        """Whether an Alertmanager is configured and answers."""
        if not self._url:
            return Availability(usable=False, reason="no Alertmanager is configured", how_to_enable=ENABLE)
        try:
            async with within(4, "the status request"):
                await self._http.get(f"{self._url}/api/v2/status")
        except SentinelError as error:
            return Availability(usable=False, reason=str(error), how_to_enable=ENABLE, broken=True)
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`query_alertmanager`."""
        return (QUERY,)

    def get_system_prompt_section(self) -> str:
        """How to read what it returns."""
        return (
            "`query_alertmanager` shows which alerts fire and on how many other nodes. The same alert on many nodes at"
            " once speaks for a shared cause or for a bad rule."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """List the alerts."""
        if call.name != QUERY.name:
            return failed(call.name, f"the alertmanager source has no tool {call.name!r}")
        try:
            node = node_name(call, scope) if call.arguments.get("node_name") else ""
        except ValueError as error:
            return failed(call.name, str(error))
        query = "GET /api/v2/alerts" + (f" for node {node!r}" if node else "")
        if not self._url:
            return ToolResult(ResultStatus.UNAVAILABLE, query, note=f"no Alertmanager is configured. {ENABLE}")
        try:
            async with within(self._deadline, "the alert list"):
                answer = await self._http.get(f"{self._url}/api/v2/alerts")
            alerts = _alerts(answer.text)
        except SentinelError as error:
            return of_error(query, error, enable=ENABLE)
        return _result(node, query, alerts, self._clock.now())


def _alerts(body: str) -> list[Mapping[str, Any]]:
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise BadResponse(f"Alertmanager did not answer with JSON: {body[:120]!r}") from error
    if not isinstance(parsed, list) or not all(isinstance(alert, dict) for alert in parsed):
        raise BadResponse("Alertmanager's answer is not a list of alerts")
    return parsed


def _result(node: str, query: str, alerts: Sequence[Mapping[str, Any]], now: datetime) -> ToolResult:
    mine = [alert for alert in alerts if not node or speaks_of(_labels(alert), node)]
    shown = sorted((alert_summary(alert, now) for alert in mine), key=lambda alert: alert["age_s"] or 0.0)
    summary = AlertsSummary(
        node=node,
        alerts=shown[:MAX_ALERTS],
        alerts_total=len(mine),
        elsewhere=_elsewhere(alerts, {alert["name"] for alert in shown}, node),
    )
    return ToolResult(
        ResultStatus.OK if mine else ResultStatus.NO_DATA,
        query,
        as_json(summary),
        json.dumps(mine, indent=1, ensure_ascii=False),
        note="" if mine else "No alert names this node. Alerts name nodes by labels; a rule may lack them.",
    )


def alert_summary(alert: Mapping[str, Any], now: datetime) -> AlertSummary:
    """One alert as Alertmanager's v2 API gives it."""
    labels = _labels(alert)
    notes = {str(k): str(v) for k, v in (alert.get("annotations") or {}).items()}
    starts = str(alert.get("startsAt") or "")
    moment = _moment(starts)
    state = alert.get("status")
    return AlertSummary(
        name=labels.get("alertname", ""),
        state=str(state.get("state", "")) if isinstance(state, Mapping) else "",
        severity=labels.get("severity", ""),
        labels=labels,
        description=(notes.get("description") or notes.get("summary") or notes.get("message", ""))[:MAX_DESCRIPTION],
        starts_at=starts or None,
        age_s=round((now - moment).total_seconds(), 1) if moment else None,
    )


def _elsewhere(alerts: Sequence[Mapping[str, Any]], names: set[str], node: str) -> dict[str, int]:
    """For each alert name, on how many nodes it fires beside this one."""
    nodes: dict[str, set[str]] = defaultdict(set)
    for alert in alerts:
        labels = _labels(alert)
        host = node_named(labels)
        if host and labels.get("alertname") in names and not (node and speaks_of(labels, node)):
            nodes[labels["alertname"]].add(host)
    return {name: len(nodes[name]) for name in sorted(names)}


def _labels(alert: Mapping[str, Any]) -> dict[str, str]:
    labels = alert.get("labels")
    return {str(k): str(v) for k, v in labels.items()} if isinstance(labels, Mapping) else {}


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
