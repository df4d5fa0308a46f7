"""Plays a stored investigation through the real loop again: does the same assessment come out?

The recorded turns answer for the model (engine `replay`) and the stored results for the data sources, so nothing
outside is asked and nothing is spent. What is tried is our own code: the evidence ids, the checks of claims, the
verdict. Limits are made to strike where they struck then, whatever the settings say now, by a clock that jumps between
turns.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from gcm_sentinel.domain.assessment import Assessment, Draft, Outcome
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.evidence import Evidence, ToolResult
from gcm_sentinel.domain.protocols import Availability, Scope
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import ModelTurn, Nudge, ToolCall, ToolReplies, ToolSpec, Transcript
from gcm_sentinel.engine.investigation import Investigation
from gcm_sentinel.engine.loop import CONCLUDE, Loop
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.llm.replay import ReplayModel
from gcm_sentinel.storage.memory import MemoryEvidenceStore

_WALL = timedelta(hours=1)
_UNFINISHED = (Outcome.PARTIAL, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came out otherwise."""

    what: str
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay."""

    investigation_id: str
    turns: int
    tool_calls: int
    outcome: Outcome
    differences: tuple[Difference, ...]
    investigation: Investigation
    """What came out."""
    steps_s: tuple[float, ...]
    """Seconds from the end of each turn to the next one's begin, or to the end: our own time alone, because neither
    the model nor a source is waited for."""

    @property
    def same(self) -> bool:
        """Whether the recorded assessment came out again."""
        return not self.differences


async def replay(recorded: Transcript, assessment: Assessment) -> Replayed:
    """Play `recorded` and compare what comes out with `assessment`."""
    clock = _JumpingClock(recorded.incident.opened_at)
    model = _PacedModel(recorded, assessment.outcome, clock)
    toolbox = Toolbox(_sources(recorded), MemoryEvidenceStore(), clock, redactor=Redactor())
    first_is_last = bool(recorded.entries) and recorded.entries[0] == CONCLUDE
    limits = Limits(rounds=1 if first_is_last else len(model.turns) + 2, tokens=0, wall=_WALL)
    loop = Loop(model, toolbox, clock, system=recorded.system, limits=limits, price=lambda turn: 0.0)
    played = await loop.investigate(recorded.incident)
    model.ended()
    return Replayed(
        recorded.incident.investigation_id,
        played.assessment.spend.rounds,
        played.assessment.spend.tool_calls,
        played.assessment.outcome,
        tuple(_differences(assessment, played.assessment)),
        played,
        tuple(model.steps_s),
    )


def _differences(then: Assessment, now: Assessment) -> Iterator[Difference]:
    """What differs of the verdict; an investigation that was cut off had none of its model's."""
    if then.outcome is not now.outcome:
        reason = f" ({'; '.join(now.draft.not_checked)})" if now.outcome in _UNFINISHED else ""
        yield Difference("outcome", str(then.outcome), f"{now.outcome}{reason}")
        return
    if then.outcome in _UNFINISHED:
        return
    for field in fields(Draft):
        before, after = getattr(then.draft, field.name), getattr(now.draft, field.name)
        if before != after:
            yield Difference(field.name, str(before), str(after))
    if then.struck != now.struck:
        yield Difference("struck claims", str(then.struck), str(now.struck))


class _JumpingClock:
    """Stands still but for the jumps that make a limit strike."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._passed_s = 0.0

    def now(self) -> datetime:
        """The moment the incident was opened."""
        return self._at

    def monotonic(self) -> float:
        """Seconds, all of them jumped."""
        return self._passed_s

    def jump_to(self, share: float) -> None:
        """So much of the wall time is over."""
        self._passed_s = max(self._passed_s, share * _WALL.total_seconds())


class _PacedModel:
    """The engine `replay`, jumping the clock after the turns that met a limit."""

    def __init__(self, recorded: Transcript, outcome: Outcome, clock: _JumpingClock) -> None:
        self._inner = ReplayModel.from_transcript(recorded)
        self._clock = clock
        self.turns = [entry for entry in recorded.entries if isinstance(entry, ModelTurn)]
        self._jumps = _jumps(recorded, outcome)
        names = dict.fromkeys(call.name for turn in self.turns for call in turn.tool_calls)
        self._called = tuple(ToolSpec(name, "", {}) for name in names)
        """Also tools that do not exist: the model asked for them, and was told so."""
        self.steps_s: list[float] = []
        self._answered_at: float | None = None

    @property
    def name(self) -> str:
        """``replay``."""
        return self._inner.name

    async def turn(self, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        """The recorded turn that belongs here.

        Raises:
            BadConfiguration: the conversation went another way.
        """
        self.ended()
        turn = await self._inner.turn(transcript, (*tools, *self._called))
        number = 1 + sum(1 for entry in transcript.entries if isinstance(entry, ModelTurn))
        if number in self._jumps:
            self._clock.jump_to(self._jumps[number])
        self._answered_at = time.perf_counter()
        return turn

    def ended(self) -> None:
        """The step after the last turn has ended."""
        if self._answered_at is not None:
            self.steps_s.append(time.perf_counter() - self._answered_at)
            self._answered_at = None


def _jumps(recorded: Transcript, outcome: Outcome) -> dict[int, float]:
    """Turn number to the share of the wall time that is over after it."""
    jumps: dict[int, float] = {}
    turns = 0
    for entry in recorded.entries:
        if isinstance(entry, ModelTurn):
            turns += 1
        elif isinstance(entry, Nudge) and entry == CONCLUDE:
            jumps[turns] = 0.9
    if outcome is Outcome.PARTIAL:
        jumps[turns] = 1.0
    return jumps


class _StoredSource:
    """One data source as it answered then."""

    def __init__(self, name: str, replies: list[tuple[ToolCall, Evidence]]) -> None:
        self._name = name
        self._specs = tuple(ToolSpec(tool, "", {}) for tool in dict.fromkeys(call.name for call, _ in replies))
        self._results: dict[tuple[str, str], deque[ToolResult]] = defaultdict(deque)
        for call, evidence in replies:
            self._results[call.name, call.id].append(evidence.result)

    @property
    def name(self) -> str:
        """The source's name in the evidence."""
        return self._name

    async def is_available(self) -> Availability:
        """Always: it holds its answers."""
        return Availability(usable=True)

    def get_tools(self) -> tuple[ToolSpec, ...]:
        """The tools that were asked."""
        return self._specs

    async def execute(self, call: ToolCall, scope: Scope) -> ToolResult:
        """The result of this call.

        Raises:
            NotFound: it was never made, or its evidence is not kept any more.
        """
        results = self._results[call.name, call.id]
        if not results:
            raise NotFound(f"no result of {call.name} (call {call.id!r}) is stored")
        return results.popleft()

    def get_system_prompt_section(self) -> str:
        """None: the recorded system text has them."""
        return ""


def _sources(recorded: Transcript) -> tuple[_StoredSource, ...]:
    by_source: dict[str, list[tuple[ToolCall, Evidence]]] = defaultdict(list)
    for entry in recorded.entries:
        for reply in entry.replies if isinstance(entry, ToolReplies) else ():
            if reply.evidence is not None:
                by_source[reply.evidence.source].append((reply.call, reply.evidence))
    return tuple(_StoredSource(name, replies) for name, replies in by_source.items())
