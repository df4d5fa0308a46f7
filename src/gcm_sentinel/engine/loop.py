"""The loop: ask the model, run its tools, append, check the budget, until it submits an assessment that stands.

Everything the model sees is in the transcript, which only grows; every result is evidence with an id. The loop decides
nothing about GPUs. It ends in an assessment in every case: concluded, inconclusive, partial (a budget ended it) or
failed (no model could finish it), and says which.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from gcm_sentinel.domain.assessment import Assessment, Outcome, Spend
from gcm_sentinel.domain.budget import Limits, add_turn, exceeded, last_round
from gcm_sentinel.domain.errors import Refused, Rejected, SentinelError
from gcm_sentinel.domain.observed import Observed
from gcm_sentinel.domain.protocols import Clock, Model, Scope
from gcm_sentinel.domain.transcript import (
    SUBMIT_TOOL,
    ModelTurn,
    Nudge,
    StopReason,
    ToolCall,
    ToolReplies,
    ToolReply,
    Transcript,
)
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.engine.claims import Checked, check
from gcm_sentinel.engine.investigation import Investigation, OnStep, Step, silent
from gcm_sentinel.engine.submission import parse, tool_spec
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.engine.transcript import brief
from gcm_sentinel.engine.verdict import Ending, concluded, unfinished

log = structlog.get_logger(__name__)

CONCLUDE = Nudge("This is the last turn the budget allows: call submit_assessment now, with what the evidence shows.")
SUBMIT = Nudge("An investigation ends with a call of submit_assessment; go on, or submit what the evidence shows.")

Price = Callable[[ModelTurn], float | None]


@dataclass(slots=True)
class _Run:
    """Where one investigation stands. Lives as long as one call of `Loop.investigate`, shared with nobody."""

    transcript: Transcript
    spend: Spend
    started: float
    turn: ModelTurn | None = None
    returned: int = 0
    warned: bool = False
    checked: Checked | None = None
    notes: tuple[str, ...] = ()
    """What the engines had to say of their turns: fail-overs, retries."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """Why an investigation ends without an assessment of the model's."""

    outcome: Outcome
    reason: str


class Loop:
    """Investigates incidents with one model and one toolbox; holds no state between them."""

    def __init__(
        self, model: Model, toolbox: Toolbox, clock: Clock, *, system: str, limits: Limits, price: Price
    ) -> None:
        self._model = model
        self._toolbox = toolbox
        self._clock = clock
        self._system = system
        self._limits = limits
        self._price = price

    async def investigate(self, incident: Incident, on_step: OnStep = silent) -> Investigation:
        """From an incident to an assessment, in every case; only being cancelled passes through."""
        run = _Run(Transcript(self._system, incident, brief(incident)), Spend(), self._clock.monotonic())
        while run.checked is None:
            run.spend = replace(run.spend, wall_s=self._clock.monotonic() - run.started)
            over = exceeded(self._limits, run.spend)
            if over:
                return self._cut_short(run, _Cut(Outcome.PARTIAL, over))
            if last_round(self._limits, run.spend) and not run.warned:
                run.transcript, run.warned = run.transcript.append(CONCLUDE), True
            cut = await self._try_round(run, on_step)
            if cut is not None:
                return self._cut_short(run, cut)
        return self._finish(run, concluded(self._ending(run, run.checked.notes), run.checked))

    def _cut_short(self, run: _Run, cut: _Cut) -> Investigation:
        return self._finish(run, unfinished(self._ending(run), cut.outcome, cut.reason, run.transcript.evidence))

    async def _try_round(self, run: _Run, on_step: OnStep) -> _Cut | None:
        """One round within what is left of the wall time; why the investigation must end, None when it goes on."""
        wall_s = self._limits.wall.total_seconds()
        limit = asyncio.timeout(max(1.0, wall_s - run.spend.wall_s))
        try:
            async with limit:
                await self._round(run, on_step)
        except SentinelError as error:
            log.warning("investigation.failed", incident=run.transcript.incident.id, reason=str(error))
            return _Cut(Outcome.FAILED, str(error))
        except Exception as error:  # the task border: whatever breaks, the incident gets an answer that says so
            if limit.expired() and isinstance(error, TimeoutError):
                return _Cut(Outcome.PARTIAL, f"no answer within the limit of {wall_s:.0f} s (GCM_SENTINEL_MAX_SECONDS)")
            log.exception("investigation.crashed", incident=run.transcript.incident.id)
            return _Cut(Outcome.FAILED, f"a fault inside the agent ({type(error).__name__}); its log says more")
        return None

    async def _round(self, run: _Run, on_step: OnStep) -> None:
        """One turn of the model and the answers to it, both appended."""
        turn = await self._ask(run, on_step)
        if turn.stop is StopReason.REFUSAL:
            raise Refused(
                f"{turn.engine or self._model.name} declined to answer: {turn.text[:300] or 'no reason given'}"
            )
        if not turn.tool_calls:
            run.transcript = run.transcript.append(SUBMIT)
            return
        run.transcript = run.transcript.append(ToolReplies(await self._reply(run, turn, on_step)))
        if run.checked is None and run.returned > self._limits.corrections:
            raise Rejected(f"the model submitted no valid assessment in {run.returned} tries")

    async def _ask(self, run: _Run, on_step: OnStep) -> ModelTurn:
        on_step(Step("turn.started", run.spend.rounds + 1, self._model.name))
        turn = await self._model.turn(run.transcript, (*self._toolbox.specs, tool_spec()))
        run.turn = turn
        run.notes = tuple(dict.fromkeys((*run.notes, *turn.notes)))
        run.transcript = run.transcript.append(turn)
        wall_s = self._clock.monotonic() - run.started
        run.spend = replace(add_turn(run.spend, turn, self._price(turn)), wall_s=wall_s)
        on_step(Step("turn.ended", run.spend.rounds, turn.text, ", ".join(call.name for call in turn.tool_calls)))
        return turn

    async def _reply(self, run: _Run, turn: ModelTurn, on_step: OnStep) -> tuple[ToolReply, ...]:
        """Answers in call order; a submission is judged after the other calls of its turn were run."""
        allowed = turn.tool_calls[: self._limits.calls_per_round]
        tools = [call for call in allowed if call.name != SUBMIT_TOOL]
        for call in tools:
            on_step(Step("tool.started", run.spend.rounds, call.name, str(dict(call.arguments))))
        first_id = len(run.transcript.evidence) + 1
        scope = Scope(run.transcript.incident)
        answered = {id(reply.call): reply for reply in await self._toolbox.run(tools, scope, first_id=first_id)}
        for reply in answered.values():
            status = reply.evidence.result.status if reply.evidence else "refused"
            on_step(Step("tool.ended", run.spend.rounds, reply.call.name, str(status)))
        run.spend = replace(run.spend, tool_calls=run.spend.tool_calls + len(tools))
        return tuple(answered.get(id(call)) or self._other(run, call, on_step) for call in turn.tool_calls)

    def _other(self, run: _Run, call: ToolCall, on_step: OnStep) -> ToolReply:
        if call.name != SUBMIT_TOOL:
            text = f"Not run: at most {self._limits.calls_per_round} calls in one turn. Ask again in the next."
            return ToolReply(call, text, is_error=True)
        refusal = self._judge(run, call)
        if refusal is None:
            return ToolReply(call, "Accepted.")
        run.returned += 1
        on_step(Step("returned", run.spend.rounds, refusal))
        return ToolReply(call, refusal, is_error=True)

    def _judge(self, run: _Run, call: ToolCall) -> str | None:
        """Accept a submission into `run.checked`, or say why it goes back; bounded by `Limits.corrections`."""
        last_try = run.returned >= self._limits.corrections
        try:
            if call.malformed is not None:
                raise Rejected(f"the arguments are not a JSON object: {call.malformed[:300]!r}")
            draft = parse(call.arguments)
        except Rejected as error:
            return f"{error}\nCorrect it and call submit_assessment again."
        evidence = run.transcript.evidence
        checked = check(draft, evidence, Observed.of(run.transcript.incident, evidence))
        if checked.clean or last_try or run.warned:
            run.checked = checked
            return None
        reasons = [f"- claim {item.claim.text[:200]!r}: {item.reason}" for item in checked.struck]
        reasons += [f"- {note}" for note in checked.notes]
        return "These would be struck; support or drop them, then submit again:\n" + "\n".join(reasons)

    def _ending(self, run: _Run, notes: tuple[str, ...] = ()) -> Ending:
        spend = replace(run.spend, wall_s=self._clock.monotonic() - run.started)
        return Ending(run.transcript.incident, spend, self._clock.now(), run.turn, (*run.notes, *notes))

    def _finish(self, run: _Run, assessment: Assessment) -> Investigation:
        log.info(
            "investigation.ended",
            incident=assessment.incident_id,
            node=assessment.node,
            outcome=str(assessment.outcome),
            fault_class=str(assessment.draft.fault_class),
            severity=str(assessment.draft.severity),
            confidence=assessment.draft.confidence,
            engine=assessment.engine,
            rounds=assessment.spend.rounds,
            tool_calls=assessment.spend.tool_calls,
            tokens=assessment.spend.tokens,
            wall_s=round(assessment.spend.wall_s, 3),
        )
        return Investigation(assessment, run.transcript.evidence, run.transcript)
