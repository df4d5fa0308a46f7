"""The tools of one agent: data sources by tool name, run in parallel with a deadline each, results made into evidence.

This is a border: whatever a data source does wrong becomes an `error` result the model can read. It is also the choke
point where secrets are removed, before anything is stored. Tools that change the cluster are not here: the gate wraps
them from outside, and a mode that does not permit them never lists them.

Each call is one recorded step: execute, redact, store. The record names the evidence; at a replay it is read back from
the store and never gathered again, because the world has moved on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from gcm_sentinel.domain.errors import BadConfiguration, SentinelError
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, ToolResult, digest
from gcm_sentinel.domain.protocols import Clock, Datasource, EvidenceStore, Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.redaction_in_pieces import in_pieces
from gcm_sentinel.domain.steps import Steps
from gcm_sentinel.domain.transcript import ToolCall, ToolReply, ToolSpec
from gcm_sentinel.engine.paging import READ_EVIDENCE, read_evidence
from gcm_sentinel.engine.recorded import GATHERED, Gathered
from gcm_sentinel.engine.transcript import render_evidence

log = structlog.get_logger(__name__)

_AT_ONCE = 64 << 10
"""Characters of a result that are cleaned and hashed without a thread."""
_STEP_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Errand:
    """The circumstances of one round of calls."""

    scope: Scope
    steps: Steps
    first: int
    """Number of the first piece of evidence."""
    left: timedelta
    """Of the investigation's wall time: no call may take longer."""
    letter: str = "E"
    """Before the numbers: E for what an engine asked, C for what is captured before an action."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call came to."""

    call: ToolCall
    gathered: Gathered
    evidence: Evidence | None
    """None when nothing was stored, or when what was stored is lost."""


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
    def redactor(self) -> Redactor:
        """What everything passes that is stored."""
        return self._redactor

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Every tool a model may call, in a fixed order."""
        return (*(owner.spec for owner in self._owners.values()), READ_EVIDENCE)

    async def run(self, calls: Sequence[ToolCall], errand: Errand) -> tuple[Answer, ...]:
        """Run those of `calls` that ask the world, side by side, one step each, started in call order.

        Evidence numbers follow the place among them, whatever becomes of each and whichever sources are on, so that a
        replay gives the same ones. Never raises but for a failure of the steps themselves.
        """
        asking = [call for call in calls if _asks_the_world(call)]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._step(call, number, errand)) for number, call in enumerate(asking, errand.first)
            ]
        return tuple(task.result() for task in tasks)

    def reply(self, call: ToolCall, answer: Answer | None, gathered: Sequence[Evidence]) -> ToolReply:
        """What the model is shown for `call`: its `answer`, or what needs no step. A pure function.

        `gathered` is the evidence of earlier turns.
        """
        if call.malformed is not None:
            text = f"The arguments of {call.name} are not a JSON object: {call.malformed[:300]!r}. Send them again."
            return ToolReply(call, text, is_error=True)
        if answer is None:
            return read_evidence(call, gathered, room=self._max_output or 8000)
        if answer.gathered.refusal:
            return ToolReply(call, answer.gathered.refusal, is_error=True)
        if answer.evidence is None:
            text = f"The result of {call.name} was stored as E{answer.gathered.number} and is lost. Ask again."
            return ToolReply(call, text, is_error=True)
        shown = render_evidence(answer.evidence, limit=self._max_output)
        return ToolReply(call, shown, answer.evidence, is_error=not answer.evidence.result.status.observed)

    async def _step(self, call: ToolCall, number: int, errand: Errand) -> Answer:
        fresh: list[Evidence] = []

        async def work() -> Gathered:
            started = self._clock.monotonic()
            gathered = await self._gather(call, number, errand, fresh)
            return replace(gathered, took_s=self._clock.monotonic() - started)

        gathered = await errand.steps.run(step_name(call), work, GATHERED)
        if gathered.number is None:
            return Answer(call, gathered, None)
        evidence = fresh[-1] if fresh else await self._read_back(errand, gathered)
        return Answer(call, gathered, evidence)

    async def _gather(self, call: ToolCall, number: int, errand: Errand, fresh: list[Evidence]) -> Gathered:
        """Execute, redact and store one call; what was stored is left in `fresh`."""
        owner = self._owners.get(call.name)
        if owner is None:
            return Gathered(None, refusal=f"Unknown tool: {call.name}. Tools: {', '.join(self._owners)}.")
        evidence = await self._execute(f"{errand.letter}{number}", owner.source, call, errand)
        try:
            await self._store.put(errand.scope.incident.investigation_id, evidence)
        except Exception as error:  # the tool-call border: a result that cannot be kept costs that result alone
            log.exception("evidence.not_stored", evidence=evidence.id, tool=call.name)
            reason = str(error) if isinstance(error, SentinelError) else type(error).__name__
            return Gathered(
                None, refusal=f"The result of {call.name} could not be stored, so it is not shown: {reason}"
            )
        fresh.append(evidence)
        return Gathered(number, evidence.digest)

    async def _read_back(self, errand: Errand, gathered: Gathered) -> Evidence | None:
        """Evidence of a step that was done before; None when it is missing or not what was stored then."""
        investigation_id, name = errand.scope.incident.investigation_id, f"{errand.letter}{gathered.number}"
        fields = {"investigation": investigation_id, "evidence": name}
        try:
            evidence = await self._store.get(investigation_id, name)
        except SentinelError as error:
            log.warning("evidence.lost", reason=str(error), **fields)
            return None
        if evidence is None or _digest_of(evidence) != gathered.digest:
            log.warning("evidence.lost", reason="missing" if evidence is None else "its digest differs", **fields)
            return None
        return evidence

    async def _execute(self, evidence_id: str, source: Datasource, call: ToolCall, errand: Errand) -> Evidence:
        """Run one call and make its result evidence; a result that cannot be made evidence is an error result too."""
        seconds = min(self._call_timeout, errand.left).total_seconds()
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                result = await source.execute(call, errand.scope)
            if len(result.raw) > _AT_ONCE:  # megabytes of a node's log take seconds, in which nothing else would go on
                return await asyncio.to_thread(self._evidence, evidence_id, source.name, call, result)
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
            raw=in_pieces(self._redactor, result.raw),
            note=self._redactor.text(result.note),
        )
        arguments = self._redactor.object(call.arguments)
        mark = digest(source, call.name, arguments, clean)
        return Evidence(evidence_id, source, call.name, arguments, clean, self._clock.now(), mark)


def step_name(call: ToolCall) -> str:
    """``tool:<name>``; a name no tool could have is left out, because a model may write anything there."""
    return f"tool:{call.name}" if _STEP_NAME.fullmatch(call.name) else "tool:unknown"


def _asks_the_world(call: ToolCall) -> bool:
    return call.malformed is None and call.name != READ_EVIDENCE.name


def _digest_of(evidence: Evidence) -> str:
    return digest(evidence.source, evidence.tool, evidence.arguments, evidence.result)


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
