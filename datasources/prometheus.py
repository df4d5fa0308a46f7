"""The `prometheus` source: any PromQL, and a node's GPUs side by side.

A node is matched by its exact name. An empty answer is told as such: it may mean another label or metric name or a dead
exporter, and is never a zero. The raw text of a result is Prometheus' own ``data`` object, for the comparison one such
object a metric.

The labels of a free query are what the engine's PromQL makes them, so its entities may be cited and never acted on
(domain/grounds.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from functools import partial

from gcm_sentinel.clients.prometheus import PrometheusClient, PromResult, PromSeries
from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.durations import bounded_duration, spell
from gcm_sentinel.datasources.exporter_uptime import Uptime, exporter_uptime
from gcm_sentinel.datasources.gpu_comparison import compare, window_of
from gcm_sentinel.datasources.gpu_labels import entities_of
from gcm_sentinel.datasources.gpu_overview import of_comparison
from gcm_sentinel.datasources.gpu_panel import PANEL, Compared, compared, full_name, is_counter
from gcm_sentinel.datasources.gpu_roster import LabelledPoints, Roster
from gcm_sentinel.datasources.gpu_series import RAW_UP_TO, NodeSeries, compact, data_object, raw_by_metric, step_of
from gcm_sentinel.datasources.series_shape import iso, shape
from gcm_sentinel.datasources.tool_calls import as_json, failed, node_name, of_error, text, texts, within
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.grounds import FREE_QUERY
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.summaries import GpuMetricsSummary, PrometheusSummary, SeriesSummary
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

LONGEST = timedelta(days=7)
MAX_SERIES = 40
MAX_METRICS = 60
ENABLE = "Set GCM_SENTINEL_PROMETHEUS_URL to the address of a Prometheus the agent can reach"

QUERY = ToolSpec(
    FREE_QUERY,
    "Run PromQL. Without duration: the value now. With duration (1h, 6h, 7d): the statistics of each series over that"
    " stretch up to now: first, last, change points, rate, when it ended. Match a node by its exact name"
    ' (Hostname="n" for GPU metrics, node="n" for host metrics). An empty answer is not zero.',
    {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "A PromQL expression."},
            "duration": {"type": "string", "description": "Stretch of time up to now, at most 7d; empty: now only."},
        },
        "required": ["query"],
        "additionalProperties": False,
    },
)
COMPARE = ToolSpec(
    "compare_gpu_metrics",
    "All GPUs of a node side by side over a window: per metric and GPU first, last, change points and rates; which GPU"
    " differs from its peers, which has no series (missing), whose series ended; whether the exporter is up and since"
    " when not. A metric with present=false is not exported at all, which is not zero.",
    {
        "type": "object",
        "properties": {
            "node_name": {"type": "string", "description": "Exact node name."},
            "metrics": {
                "type": "array",
                "items": {"type": "string"},
                "description": "DCGM fields such as DCGM_FI_DEV_GPU_TEMP; left out: a panel of 39.",
            },
            "duration": {"type": "string", "description": "Stretch of time up to now, at most 7d.", "default": "1h"},
        },
        "required": ["node_name"],
        "additionalProperties": False,
    },
)


def build(context: SourceContext) -> Datasource:
    """The Prometheus source; it says it is off when no Prometheus is configured."""
    return PrometheusSource(context)


class PrometheusSource:
    """Metrics over time."""

    def __init__(self, context: SourceContext) -> None:
        self._client = context.prometheus
        self._clock = context.clock
        self._deadline = context.call_timeout.total_seconds()

    @property
    def name(self) -> str:
        """``prometheus``."""
        return "prometheus"

    async def is_available(self) -> Availability:
        """Whether a Prometheus is configured and answers."""
        if self._client is None:
            return Availability(usable=False, reason="no Prometheus is configured", how_to_enable=ENABLE)
        if not await self._client.is_up():
            reason = f"Prometheus at {self._client.url} does not answer"
            return Availability(usable=False, reason=reason, how_to_enable=ENABLE, broken=True)
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`query_prometheus` and `compare_gpu_metrics`."""
        return (QUERY, COMPARE)

    def get_system_prompt_section(self) -> str:
        """How to read what it returns."""
        return (
            "`compare_gpu_metrics` shows a node's GPUs beside each other: ask it before single queries. Date a fault by"
            " a series' changed_at, not by a gauge being set: some gauges stay until a restart. A series that is"
            " constant to the last digit, power and temperature included, may be a frozen exporter."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Run one of the two tools."""
        if call.name not in (QUERY.name, COMPARE.name):
            return failed(call.name, f"the prometheus source has no tool {call.name!r}")
        if self._client is None:
            return ToolResult(ResultStatus.UNAVAILABLE, call.name, note=f"no Prometheus is configured. {ENABLE}")
        try:
            run = self._prepared(self._client, call, scope)
        except ValueError as error:
            return failed(call.name, str(error))
        return await run()

    def _prepared(
        self, client: PrometheusClient, call: ToolCall, scope: Scope
    ) -> Callable[[], Coroutine[None, None, ToolResult]]:
        """The call with its arguments read; ValueError for a wrong one."""
        if call.name == QUERY.name:
            promql, word = text(call, "query"), text(call, "duration", "")
            return partial(self._query, client, promql, bounded_duration(word, LONGEST) if word else None)
        length = bounded_duration(text(call, "duration", "1h"), LONGEST)
        return partial(self._compare, client, node_name(call, scope), _metrics(call), length)

    async def _query(self, client: PrometheusClient, promql: str, length: timedelta | None) -> ToolResult:
        now = self._clock.now()
        asked = f"{promql} @ {now.isoformat()}" if length is None else f"{promql} over {spell(length)}"
        window = TimeRange(now - length if length else now, now)
        try:
            async with within(self._deadline, "the query"):
                if length is None:
                    result = await client.query(promql, at=now)
                else:
                    result = await client.query_range(promql, window.start, now, step_of(length))
        except SentinelError as error:
            return of_error(asked, error, enable=ENABLE, window=window)
        return query_result(asked, result, window)

    async def _compare(
        self, client: PrometheusClient, node: str, asked: Sequence[Compared], length: timedelta
    ) -> ToolResult:
        now = self._clock.now()
        window = TimeRange(now - length, now)
        words = f"{len(asked)} GPU metrics of node {node!r} over {spell(length)} up to {now.isoformat()}"
        try:
            async with within(2 * self._deadline, "the comparison"):
                reads = NodeSeries(client, node, window)
                series, query = await reads.of_metrics([name for known in asked for name in known.spellings])
                uptime = await exporter_uptime(reads, series)
        except SentinelError as error:
            return of_error(words, error, enable=ENABLE, window=window)
        return _comparison(node, asked, series, uptime, window, f"{words}: {query}")


def _metrics(call: ToolCall) -> list[Compared]:
    names = texts(call, "metrics") or PANEL
    if len(names) > MAX_METRICS:
        raise ValueError(f"at most {MAX_METRICS} metrics at a time")
    return list({known.name: known for known in map(compared, map(full_name, names))}.values())


def query_result(asked: str, result: PromResult, window: TimeRange) -> ToolResult:
    """The result of a query for the model."""
    shown = [_series_summary(one, result, window) for one in result.series[:MAX_SERIES]]
    summary = PrometheusSummary(
        result_type=result.result_type,
        series=shown,
        series_total=len(result.series),
        warnings=list(result.warnings),
    )
    length = window.end - window.start
    note = _coarse(length) if length > RAW_UP_TO else ""
    if not result.series:
        note = (
            "No series matches. That is absence, not zero: check the metric's and label's names and whether `up` is 1."
        )
    return ToolResult(
        ResultStatus.OK if result.series else ResultStatus.NO_DATA,
        asked,
        as_json(summary),
        compact({**data_object(result.series, result.result_type), "warnings": list(result.warnings)}),
        time_range=window,
        entities=entities_of(one.labels for one in result.series),
        note=note,
    )


def _series_summary(one: PromSeries, result: PromResult, window: TimeRange) -> SeriesSummary:
    last = one.points[-1] if one.points else None
    stats = None
    if result.result_type == "matrix" and one.points:
        start_s = min(window.start.timestamp(), one.points[0][0])
        counter = is_counter(one.labels.get("__name__", ""))
        stats = shape(one.points, start_s, window.end.timestamp(), counter=counter)
    return SeriesSummary(
        labels=dict(one.labels),
        value=last[1] if last and math.isfinite(last[1]) else None,
        at=iso(last[0]) if last else None,
        stats=stats,
    )


def _comparison(
    node: str,
    asked: Sequence[Compared],
    series: Sequence[PromSeries],
    uptime: Uptime,
    window: TimeRange,
    query: str,
) -> ToolResult:
    labelled = [LabelledPoints(one.labels, one.points) for one in series]
    start_s, end_s = window.start.timestamp(), window.end.timestamp()
    measure = window_of(start_s, end_s, labelled)
    roster, metrics = Roster.of(labelled), compare(labelled, asked, measure)
    summary = GpuMetricsSummary(
        node=node,
        window_s=end_s - start_s,
        exporter_up=uptime.up,
        exporter_down_since=iso(uptime.down_since) if uptime.down_since is not None else None,
        overview=of_comparison(roster.gpus, metrics),
        gpus=list(roster.gpus),
        metrics=metrics,
    )
    return ToolResult(
        ResultStatus.OK if series or uptime.up is not None else ResultStatus.NO_DATA,
        query,
        as_json(summary),
        raw_by_metric((*series, *((uptime.series,) if uptime.series else ()))),
        time_range=window,
        entities=entities_of(one.labels for one in series),
        note=_note(node, window, roster) if series else _NOTHING.format(node=repr(node)),
    )


_NOTHING = "No GPU series of {node} in this window: absence, not zero. GPU health is unknown here."


def _note(node: str, window: TimeRange, roster: Roster) -> str:
    notes = [
        f"GPU {gone.gpu['uuid']} ({gone.gpu['pci']}) was index {gone.gpu['index']} of {node} until {iso(gone.last_s)};"
        f" another GPU has that index now and it has no series since."
        for gone in roster.departed
    ]
    length = window.end - window.start
    if length > RAW_UP_TO:
        notes.append(_coarse(length))
    return " ".join(notes)


def _coarse(length: timedelta) -> str:
    return f"Read every {spell(step_of(length))}: change points are exact to that; a shorter window is sharper."
