"""The tools of one agent: data sources by tool name, run in parallel with a deadline each, results made into evidence.

This is a border: whatever a data source does wrong becomes an `error` result the model can read. It is also the choke
point where secrets are removed, before anything is stored. Tools that change the cluster are not here: the gate wraps
them from outside, and a mode that does not permit them never lists them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from gcm_sentinel.domain.errors import BadConfiguration, SentinelError
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult, digest
from gcm_sentinel.domain.protocols import Clock, Datasource, EvidenceStore, Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import ToolCall, ToolReply, ToolSpec
from gcm_sentinel.engine.transcript import render_evidence

log = structlog.get_logger(__name__)

READ_EVIDENCE = ToolSpec(
    name="read_evidence",
    description="Show more of the raw text of evidence already gathered: from a character offset, or around a word.",
    parameters={
        "type": "object",
        "properties": {
            "evidence_id": {"type": "string", "description": "E1, E2, ..."},
            "offset": {"type": "integer", "description": "first character to show", "minimum": 0},
            "find": {"type": "string", "description": "show lines with this text instead; empty for none"},
        },
        "required": ["evidence_id", "offset", "find"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class _Owner:
    source: Datasource
    spec: ToolSpec


class Toolbox:
    """Runs tool calls against the data sources it was given."""

    def __init__(
        self,
        sources: Sequence[Datasource],
        store: EvidenceStore,
        clock: Clock,
        *,
        redactor: Redactor,
        call_timeout: timedelta = timedelta(seconds=30),
        max_output: int = 8000,
    ) -> None:
        self._owners = _by_tool(sources)
        self._store = store
        self._clock = clock
        self._redactor = redactor
        self._call_timeout = call_timeout
        self._max_output = max_output

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Every tool a model may call, in a fixed order."""
        return (*(owner.spec for owner in self._owners.values()), READ_EVIDENCE)

    async def run(self, calls: Sequence[ToolCall], scope: Scope, *, first_id: int) -> tuple[ToolReply, ...]:
        """Answer `calls` at once, in call order; evidence ids are given in that order from `first_id`."""
        ids = iter(range(first_id, first_id + len(calls)))
        numbered = [f"E{next(ids)}" if self._gathers(call) else "" for call in calls]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._answer(call, scope, evidence_id))
                for call, evidence_id in zip(calls, numbered, strict=True)
            ]
        return tuple(task.result() for task in tasks)

    def _gathers(self, call: ToolCall) -> bool:
        return call.malformed is None and call.name in self._owners

    async def _answer(self, call: ToolCall, scope: Scope, evidence_id: str) -> ToolReply:
        if call.malformed is not None:
            text = f"The arguments of {call.name} are not a JSON object: {call.malformed[:300]!r}. Send them again."
            return ToolReply(call, text, is_error=True)
        if call.name == READ_EVIDENCE.name:
            return await self._read_evidence(call, scope)
        owner = self._owners.get(call.name)
        if owner is None:
            return ToolReply(call, f"Unknown tool: {call.name}. Tools: {', '.join(self._owners)}.", is_error=True)
        evidence = await self._gather(evidence_id, owner.source, call, scope)
        await self._store.put(scope.incident.id, evidence)
        return ToolReply(
            call,
            render_evidence(evidence, limit=self._max_output),
            evidence,
            is_error=not evidence.result.status.observed,
        )

    async def _gather(self, evidence_id: str, source: Datasource, call: ToolCall, scope: Scope) -> Evidence:
        """Run one call and make its result evidence; a result that cannot be made evidence is an error result too."""
        seconds = self._call_timeout.total_seconds()
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                result = await source.execute(call, scope)
            return self._evidence(evidence_id, source.name, call, result)
        except SentinelError as error:
            note = str(error)
        except Exception as error:  # the tool-call border: a source's fault is data
            if limit.expired() and isinstance(error, TimeoutError):
                note = f"{call.name} gave no answer within {seconds:.0f} s (GCM_SENTINEL_TOOL_TIMEOUT_SECONDS)"
            else:
                log.exception("tool.crashed", tool=call.name, source=source.name)
                note = f"{call.name} failed: {type(error).__name__}; the log of the agent says more"
        failed = ToolResult(ResultStatus.ERROR, query=call.name, note=note)
        return self._evidence(evidence_id, source.name, call, failed)

    def _evidence(self, evidence_id: str, source: str, call: ToolCall, result: ToolResult) -> Evidence:
        clean = replace(
            result,
            query=self._redactor.text(result.query),
            summary=self._redactor.object(result.summary),
            raw=self._redactor.text(result.raw),
            note=self._redactor.text(result.note),
        )
        arguments = self._redactor.object(call.arguments)
        mark = digest(source, call.name, arguments, clean)
        return Evidence(evidence_id, source, call.name, arguments, clean, self._clock.now(), mark)

    async def _read_evidence(self, call: ToolCall, scope: Scope) -> ToolReply:
        wanted = str(call.arguments.get("evidence_id", ""))
        evidence = await self._store.get(scope.incident.id, wanted)
        if evidence is None:
            return ToolReply(call, f"There is no evidence {wanted!r} in this investigation.", is_error=True)
        return ToolReply(call, page(evidence, call.arguments, room=self._max_output or 8000))


def page(evidence: Evidence, arguments: object, *, room: int) -> str:
    """A part of the raw text: lines that hold `find`, else `room` characters from `offset`."""
    given = arguments if isinstance(arguments, Mapping) else {}
    raw, find = evidence.result.raw, str(given.get("find") or "")
    if find:
        lines = [line for line in raw.splitlines() if find.lower() in line.lower()]
        found = "\n".join(lines)
        cut = (
            "" if len(found) <= room else f" Only the first {room} characters of them are shown: find something rarer."
        )
        return f"{len(lines)} lines of {evidence.id} hold {find!r}.{cut}\n{_part(evidence, found[:room])}"
    start = _offset(given.get("offset"))
    if start >= len(raw):
        return f"{evidence.id} has {len(raw)} characters; there is nothing at offset {start}."
    end = min(start + room, len(raw))
    return f"Characters {start} to {end} of {len(raw)}.\n{_part(evidence, raw[start:end])}"


def _part(evidence: Evidence, raw: str) -> str:
    return render_evidence(replace(evidence, result=replace(evidence.result, raw=raw, summary={})), limit=0)


def _offset(given: object) -> int:
    """An offset as models write it, also as text; 0 for what is none."""
    if isinstance(given, str) and given.strip().isdecimal():
        return int(given)
    return int(given) if isinstance(given, int | float) and 0 < given < math.inf else 0


def _by_tool(sources: Sequence[Datasource]) -> dict[str, _Owner]:
    owners: dict[str, _Owner] = {}
    for source in sources:
        for spec in source.get_tools():
            if spec.name in owners or spec.name == READ_EVIDENCE.name:
                raise BadConfiguration(
                    f"the tool {spec.name!r} of data source {source.name!r} exists already; rename one or disable it"
                )
            owners[spec.name] = _Owner(source, spec)
    return owners
