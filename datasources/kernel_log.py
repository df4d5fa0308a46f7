"""The `kernel_log` source: a node's kernel messages and service journals, read and summed up.

The kernel log is the best witness of a GPU fault: it dates it, orders it and names process and place. It is also the
first to vanish (a reboot, a rotated file), so a result says which stretch of time it really covers; silence outside
that stretch proves nothing.

Where node agents are configured, the node's own is asked first: it tells boots apart, and what was lost. What it cannot
give, because it is not reached or keeps too little, comes from Loki or the kubelet; of two answers the one that reaches
further back is given, and the note says why the other was not. Service journals come from Loki or the kubelet only.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.durations import bounded_duration
from gcm_sentinel.datasources.kernel_agent import AgentLog, Asked, read_agent
from gcm_sentinel.datasources.kernel_answer import Read, answer, better, of_agent, of_text
from gcm_sentinel.datasources.kernel_records import Selection
from gcm_sentinel.datasources.kernel_summary import (
    service_summary,
)
from gcm_sentinel.datasources.log_lines import LogLine, parse_lines
from gcm_sentinel.datasources.log_transport import (
    ENABLE_KUBELET,
    ENABLE_QUERY,
    ENABLE_SHIPPED,
    FetchedLog,
    Loki,
    journal_of_kubelet,
    kernel_log_of_kubelet,
    probe_kubelet,
    why,
)
from gcm_sentinel.datasources.sentinel_gpus import plain
from gcm_sentinel.datasources.tool_calls import as_json, failed, node_name, of_error, text, within
from gcm_sentinel.domain.entity import node as node_entity
from gcm_sentinel.domain.errors import Forbidden, NotFound, SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.summaries import ServiceLogSummary
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

LONGEST = timedelta(days=90)
_AGENT_SHARE = 0.6
"""Of the deadline, for the node's agent: the rest is for whoever is asked in its place."""
_AT_LEAST_S = 5.0
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._:-]{0,127}")
_BOOTS: Mapping[str, int | None] = {"": None, "0": 0, "-1": -1}

_NODE = {"type": "string", "description": "Exact node name."}
_SINCE = {"type": "string", "description": "How far back, for example 6h, 24h or 7d."}

READ_KERNEL_LOG = ToolSpec(
    "read_kernel_log",
    "Kernel messages of a node, recognised and counted: Xids per GPU with processes, places and bursts (the lead is the"
    " first hardware-class Xid of a burst), SXids, PCIe/AER, host memory, lock-ups, OOM, NFS, NIC and storage errors,"
    " boots and whether they ended in order, and the last recovery action. covers_from and covers_to bound what the log"
    " can tell: absence outside them proves nothing.",
    {
        "type": "object",
        "properties": {
            "node_name": _NODE,
            "since": {**_SINCE, "description": "How far back, 6h or 7d; left out: 24h, or 30d for boot -1."},
            "pattern": {"type": "string", "description": "Only lines with this text; a|b for either. Not a regex."},
            "boot": {"type": "string", "enum": ["", "0", "-1"], "description": "0: this boot, -1: the one before."},
        },
        "required": ["node_name"],
        "additionalProperties": False,
    },
)
READ_SERVICE_LOG = ToolSpec(
    "read_service_log",
    "The journal of one systemd service of a node (kubelet, containerd, nvidia-fabricmanager, chronyd ...):"
    " recognised kinds of lines with counts, and the last lines.",
    {
        "type": "object",
        "properties": {
            "node_name": _NODE,
            "service": {"type": "string", "description": "systemd unit name, with or without .service."},
            "since": {**_SINCE, "default": "24h"},
        },
        "required": ["node_name", "service"],
        "additionalProperties": False,
    },
)


def build(context: SourceContext) -> Datasource:
    """The kernel-log source over the kubelet's log endpoint, and Loki where it is configured."""
    return KernelLogSource(context)


@dataclass(frozen=True, slots=True)
class _Request:
    """What a call asks for."""

    node: str
    start: datetime
    now: datetime

    @property
    def window(self) -> TimeRange:
        return TimeRange(self.start, self.now)


class KernelLogSource:
    """Logs of nodes."""

    def __init__(self, context: SourceContext) -> None:
        self._kubernetes = context.kubernetes
        self._clock = context.clock
        self._deadline = context.call_timeout.total_seconds()
        self._agents = context.node_readings
        self._loki = Loki(context.http, context.loki_url) if context.loki_url else None

    @property
    def name(self) -> str:
        """``kernel_log``."""
        return "kernel_log"

    async def is_available(self) -> Availability:
        """Usable with node agents or Loki, or where RBAC lets one kubelet's log folder be listed."""
        if self._loki is not None or self._agents is not None:
            return Availability(usable=True)
        try:
            async with within(4, "the kubelet's log folder"):
                await probe_kubelet(self._kubernetes)
        except Forbidden as error:
            return Availability(usable=False, reason=str(error), how_to_enable=ENABLE_KUBELET)
        except SentinelError as error:
            reason = f"one kubelet's logs could not be listed: {error}"
            return Availability(
                usable=False, reason=reason, how_to_enable="check that the API server and kubelets answer"
            )
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`read_kernel_log` and `read_service_log`."""
        return (READ_KERNEL_LOG, READ_SERVICE_LOG)

    def get_system_prompt_section(self) -> str:
        """How to read what it returns."""
        return (
            "`read_kernel_log` dates and orders GPU faults. Explain the lead of a burst; 45, 43, 13 and 31 after it are"
            " followers, 154 only sums up. After a reboot read boot -1 as well. A text that looks like an Xid but did"
            " not come from the kernel shows as code xid_text_not_from_kernel and proves nothing about a GPU."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Run one of the two tools."""
        if call.name not in (READ_KERNEL_LOG.name, READ_SERVICE_LOG.name):
            return failed(call.name, f"the kernel_log source has no tool {call.name!r}")
        kernel = call.name == READ_KERNEL_LOG.name
        try:
            request = self._request(call, scope)
            chosen, unit = _selection(call, request.start), "" if kernel else _unit(call)
        except ValueError as error:
            return failed(call.name, str(error))
        return await (self._kernel(request, chosen) if kernel else self._service(request, unit))

    def _request(self, call: ToolCall, scope: Scope) -> _Request:
        usual = "30d" if text(call, "boot", "") == "-1" else "24h"
        node, since = node_name(call, scope), bounded_duration(text(call, "since", usual), LONGEST)
        now = self._clock.now()
        return _Request(node, now - since, now)

    async def _kernel(self, request: _Request, chosen: Selection) -> ToolResult:
        asked, ends_at = _spell(request.node, request.start, chosen), self._clock.monotonic() + self._deadline
        told, why_not = await self._of_agent(request, chosen)
        if told is not None and not told.falls_short:
            return answer(request.node, request.window, of_agent(told), asked)
        try:
            other = await self._elsewhere(request, chosen, max(_AT_LEAST_S, ends_at - self._clock.monotonic()))
        except SentinelError as error:
            if told is None:
                result = of_error(asked, error, enable=_remedy(error, ENABLE_KUBELET), window=request.window)
                return replace(result, note=f"{why_not} {result.note}".strip())
            read = of_agent(told, f"No other log could be read ({plain(why(error), 300)}).")
        else:
            read = better(told, other, why_not)
        return answer(request.node, request.window, read, asked)

    async def _of_agent(self, request: _Request, chosen: Selection) -> tuple[AgentLog | None, str]:
        """What the node's agent told, or why it told nothing; neither where none are configured."""
        if self._agents is None:
            return None, ""
        try:
            async with within(self._deadline * _AGENT_SHARE, "the node's agent"):
                asked = Asked(request.node, request.start, request.now, chosen)
                return await read_agent(self._agents, asked, self._clock.monotonic), ""
        except SentinelError as error:
            return None, f"The node's agent gave no kernel log ({plain(why(error), 400)})."

    async def _elsewhere(self, request: _Request, chosen: Selection, seconds: float) -> Read:
        fetched, note = await self._fetch_kernel(request, seconds, older=chosen.boot == -1)
        return await asyncio.to_thread(of_text, fetched, chosen, request.now, note)

    async def _fetch_kernel(self, request: _Request, seconds: float, *, older: bool) -> tuple[FetchedLog, str]:
        note = ""
        async with within(seconds, "reading the log"):
            if self._loki is not None:
                try:
                    fetched = await self._loki.kernel_log(request.node, request.start, request.now)
                    if fetched.lines:
                        return fetched, ""
                    note = f"Loki has no kernel lines of {request.node} ({fetched.query}); read from the kubelet."
                except SentinelError as error:
                    note = f"Loki failed ({why(error)}); read from the kubelet."
            return await kernel_log_of_kubelet(self._kubernetes, request.node, request.start, older), note

    async def _service(self, request: _Request, unit: str) -> ToolResult:
        asked = f"journal of {unit} on {request.node} since {request.start.isoformat()}"
        try:
            fetched, note = await self._fetch_service(request, unit)
        except SentinelError as error:
            return of_error(asked, error, enable=_remedy(error, ENABLE_QUERY), window=request.window)
        lines, summary = await asyncio.to_thread(_read_service, fetched.lines, unit, request)
        status = ResultStatus.OK if lines else ResultStatus.NO_DATA
        return ToolResult(
            status,
            f"{asked}: {fetched.query}",
            as_json(summary),
            "\n".join(line.raw for line in lines),
            time_range=request.window,
            entities=(node_entity(request.node),),
            note=note,
        )

    async def _fetch_service(self, request: _Request, unit: str) -> tuple[FetchedLog, str]:
        note = ""
        async with within(self._deadline, "reading the journal"):
            if self._loki is not None:
                try:
                    fetched = await self._loki.journal(request.node, unit, request.start, request.now)
                    if fetched.lines:
                        return fetched, ""
                    note = f"Loki has no lines of {unit} on {request.node} ({fetched.query}); read from the kubelet."
                except SentinelError as error:
                    note = f"Loki failed ({why(error)}); read from the kubelet."
            return await journal_of_kubelet(self._kubernetes, request.node, unit, request.start), note


def _remedy(error: SentinelError, grant: str) -> str:
    """What an operator would do: a kubelet that is silent or lacks the file is not helped by a permission."""
    return grant if isinstance(error, Forbidden | NotFound) else ENABLE_SHIPPED


def _unit(call: ToolCall) -> str:
    unit = text(call, "service")
    if not _UNIT.fullmatch(unit):
        raise ValueError(f"'service' is not a systemd unit name: {unit!r}")
    return unit


def _selection(call: ToolCall, start: datetime) -> Selection:
    boot = text(call, "boot", "")
    if boot not in _BOOTS:
        raise ValueError(f"'boot' must be '', '0' or '-1', not {boot!r}")
    patterns = tuple(part.strip().lower() for part in text(call, "pattern", "").split("|") if part.strip())
    return Selection(start.timestamp(), patterns, _BOOTS[boot])


def _spell(node: str, start: datetime, chosen: Selection) -> str:
    words = f"kernel log of {node} since {start.isoformat()}"
    words += f" boot {chosen.boot}" if chosen.boot is not None else ""
    return words + (f" with {' or '.join(map(repr, chosen.patterns))}" if chosen.patterns else "")


def _read_service(fetched: tuple[str, ...], unit: str, request: _Request) -> tuple[list[LogLine], ServiceLogSummary]:
    lines = [line for line in parse_lines(fetched, request.now) if _in_window(line.at, request)]
    return lines, service_summary(request.node, unit, lines)


def _in_window(at: float | None, request: _Request) -> bool:
    return at is None or at >= request.start.timestamp()
