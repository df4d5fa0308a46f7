"""The `history` source: earlier incidents of a node, a GPU or a fault class, out of our own store.

One local query, and often the one that decides what to do: the first halt of a GPU asks for a reset, the same halt on
the same GPU after a reset for diagnostics and replacement.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from gcm_sentinel.datasources.context import SourceContext
from gcm_sentinel.datasources.history_answer import Asked, answer
from gcm_sentinel.datasources.tool_calls import failed, node_name, of_error, text, texts, within
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.evidence import ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.history import HistoryQuery, IncidentHistory, PastIncident
from gcm_sentinel.domain.protocols import Availability, Datasource, Scope
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec

MAX_DAYS = 366
DEFAULT_DAYS = 90
_SOON = timedelta(minutes=1)
ENABLE = "`gcm-sentinel serve` keeps incidents (GCM_SENTINEL_DATABASE_URL or GCM_SENTINEL_STATE_DIR) and reads them"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{3,63}")
_MARKS = 4

QUERY = ToolSpec(
    "get_incident_history",
    "Earlier incidents of the investigated node that this agent has kept, newest first: when, which fault class on"
    " which part, what was recommended and done, how it ended; counted by part, with whether the fault came back after"
    " a repair. `gpu` adds what happened to one GPU wherever it sat. `whole_fleet` asks for all nodes, best with a"
    " `fault_class`.",
    {
        "type": "object",
        "properties": {
            "node_name": {"type": "string", "description": "Exact node name; left out for the investigated node."},
            "gpu": {
                "type": "string",
                "description": "UUID or serial number of a GPU, exact; both, with a comma, if known.",
            },
            "fault_class": {"type": "string", "description": "Only this fault class."},
            "days": {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "description": "How far back; 90."},
            "whole_fleet": {"type": "boolean", "description": "All nodes instead of one."},
        },
        "required": [],
        "additionalProperties": False,
    },
)


def build(context: SourceContext) -> Datasource:
    """The history source; it says it is off when no store is connected."""
    return HistorySource(context)


class HistorySource:
    """Earlier incidents."""

    def __init__(self, context: SourceContext) -> None:
        self._history = context.history
        self._clock = context.clock
        self._deadline = context.call_timeout.total_seconds()

    @property
    def name(self) -> str:
        """``history``."""
        return "history"

    async def is_available(self) -> Availability:
        """Whether a store is connected and answers."""
        if self._history is None:
            return Availability(usable=False, reason="no store of incidents is connected", how_to_enable=ENABLE)
        try:
            async with within(4, "the incident store"):
                await self._history.past(HistoryQuery(self._clock.now() - _SOON, limit=1))
        except SentinelError as error:
            return Availability(usable=False, reason=str(error), how_to_enable=ENABLE, broken=True)
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """`get_incident_history`."""
        return (QUERY,)

    def get_system_prompt_section(self) -> str:
        """How to read what it returns."""
        return (
            "`get_incident_history` shows earlier incidents of the node and of a GPU by UUID or serial. The same fault"
            " on the same part after a repair asks for diagnostics and replacement, not for the same repair again."
        )

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """Look the incidents up."""
        if call.name != QUERY.name:
            return failed(call.name, f"the history source has no tool {call.name!r}")
        try:
            asked = _asked(call, scope, self._clock.now().replace(microsecond=0))
        except ValueError as error:
            return failed(call.name, str(error))
        if self._history is None:
            note = f"no store of incidents is connected, so whether a fault came back is not known. {ENABLE}"
            return ToolResult(ResultStatus.UNAVAILABLE, asked.words, note=note)
        window = TimeRange(asked.since, asked.now)
        try:
            async with within(self._deadline, "the incident store"):
                found = await _read(self._history, asked)
                kept_since = await self._history.kept_since()
        except SentinelError as error:
            return of_error(asked.words, error, enable=ENABLE, window=window)
        return answer(asked, found, kept_since, window)


def _asked(call: ToolCall, scope: Scope, now: datetime) -> Asked:
    gpu, fault_class = texts(call, "gpu"), text(call, "fault_class", "")
    strange = [mark for mark in gpu if not _PART.fullmatch(mark)]
    if strange or len(gpu) > _MARKS:
        raise ValueError(f"'gpu' takes the UUID and serial number of one GPU, not {strange or gpu!r}")
    if fault_class and fault_class not in set(FaultClass):
        raise ValueError(f"'fault_class' {fault_class!r} is none; submit_assessment lists them")
    node = "" if call.arguments.get("whole_fleet") is True else node_name(call, scope)
    since = now - timedelta(days=_days(call))
    return Asked(node, gpu, fault_class, since, now, scope.incident.id)


def _days(call: ToolCall) -> int:
    word = text(call, "days", str(DEFAULT_DAYS))
    if not word.isdecimal() or not 1 <= int(word) <= MAX_DAYS:
        raise ValueError(f"'days' must be a whole number from 1 to {MAX_DAYS}, not {word!r}")
    return int(word)


async def _read(history: IncidentHistory, asked: Asked) -> tuple[PastIncident, ...]:
    """Everything that was asked for, each incident once, newest first."""
    found = {incident.incident_id: incident for query in asked.queries for incident in await history.past(query)}
    return tuple(sorted(found.values(), key=lambda incident: incident.opened_at, reverse=True))
