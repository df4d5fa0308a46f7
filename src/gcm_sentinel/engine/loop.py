"""The loop: ask the model, run its tools, append, check the budget, until it submits an assessment that stands.

Everything the model sees is in the transcript, which only grows; every result is evidence with an id. The loop decides
nothing about GPUs. It ends in an assessment in every case: concluded, inconclusive, partial (a budget ended it) or
failed (no model could finish it), and says which.

Whatever touches the world is a recorded step: ``open``, then ``turn`` and ``tool:<name>`` as they come. Between steps
everything is a pure function of what they recorded (`recorded.py`): no clock is read and no random number drawn, so
that after a crash the same code over the same record takes the same path, and goes on where the record ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from gcm_sentinel.domain.assessment import Assessment, Outcome
from gcm_sentinel.domain.budget import Limits, exceeded, last_round
from gcm_sentinel.domain.protocols import Clock, Model, Scope
from gcm_sentinel.domain.steps import Steps, Unrecorded
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
from gcm_sentinel.engine.brief import brief
from gcm_sentinel.engine.investigation import Investigation, OnStep, Step, silent
from gcm_sentinel.engine.judgement import judge
from gcm_sentinel.engine.recorded import OPENING, Cut, Opening
from gcm_sentinel.engine.run import Run
from gcm_sentinel.engine.stand_in import stood_in
from gcm_sentinel.engine.submission import tool_spec
from gcm_sentinel.engine.toolbox import Answer, Errand, Toolbox
from gcm_sentinel.engine.turns import OnTurn, Price, Turns, crashed, unheard
from gcm_sentinel.engine.verdict import concluded, unfinished

__all__ = ["Loop", "Price"]

log = structlog.get_logger(__name__)

CONCLUDE = Nudge("This is the last turn the budget allows: call submit_assessment now, with what the evidence shows.")
SUBMIT = Nudge("An investigation ends with a call of submit_assessment; go on, or submit what the evidence shows.")

_UNRECORDED = Unrecorded()


class Loop:
    """Investigates incidents with one toolbox and, unless told otherwise, one model; holds no state between them."""

    def __init__(
        self, model: Model, toolbox: Toolbox, clock: Clock, *, system: str, limits: Limits, price: Price
    ) -> None:
        self._model = model
        self._toolbox = toolbox
        self._clock = clock
        self._system = system
        self._limits = limits
        self._price = price

    async def investigate(
        self,
        incident: Incident,
        on_step: OnStep = silent,
        *,
        steps: Steps = _UNRECORDED,
        model: Model | None = None,
        stand_in_for: str = "",
        on_turn: OnTurn = unheard,
    ) -> Investigation:
        """From an incident to an assessment, in every case; being cancelled and failures of `steps` pass through.

        `model` answers instead of the loop's own; where that is for want of the other, `stand_in_for` is the reason
        and stands in the notes. `on_turn` is told of each turn within its step, so that a replay does not tell it
        again; `on_step` does hear everything again.
        """
        opening = await steps.run("open", self._open, OPENING)
        chosen = model or self._model
        run = Run(
            Transcript(opening.system, incident, brief(incident)),
            opening.limits,
            Turns(chosen, self._clock, self._price, on_turn, steps),
            on_step,
            opening.at,
        )
        if stand_in_for and chosen is not self._model:
            run.notes = (f"{stand_in_for}; {chosen.name} answered",)
        while run.checked is None:
            cut = await self._round(run)
            if cut is not None:
                evidence = run.transcript.evidence
                return self._finish(run, unfinished(run.ending(), cut.outcome, cut.reason, evidence))
        return self._finish(run, concluded(run.ending(run.checked.notes), run.checked))

    async def _open(self) -> Opening:
        return Opening(self._clock.now(), self._system, self._limits)

    async def _round(self, run: Run) -> Cut | None:
        """One turn of the model and the answers to it; why the investigation must end, None when it goes on."""
        over = exceeded(run.limits, run.spend)
        if over:
            return Cut(Outcome.PARTIAL, over)
        if last_round(run.limits, run.spend) and not run.warned:
            run.transcript, run.warned = run.transcript.append(CONCLUDE), True
        turn = await self._ask(run)
        if isinstance(turn, Cut):
            return turn
        if turn.stop is StopReason.REFUSAL:
            who = turn.engine or run.turns.model.name
            return Cut(Outcome.FAILED, f"{who} declined to answer: {turn.text[:300] or 'no reason given'}")
        if not turn.tool_calls:
            run.transcript = run.transcript.append(SUBMIT)
            return None
        answers = await self._run_tools(run, turn)
        try:
            run.transcript = run.transcript.append(ToolReplies(self._replies(run, turn, answers)))
        except Exception as error:  # the task border: whatever breaks, the incident gets an answer that says so
            log.exception("investigation.crashed", investigation=run.transcript.incident.investigation_id)
            return crashed(error)
        if run.checked is None and run.returned > run.limits.corrections:
            return Cut(Outcome.FAILED, f"the model submitted no valid assessment in {run.returned} tries")
        return None

    async def _ask(self, run: Run) -> ModelTurn | Cut:
        number = run.spend.rounds + 1
        run.tell(Step("turn.started", number, run.turns.model.name))
        tools = (*self._toolbox.specs, tool_spec())
        asked = await run.turns.ask(run.transcript, tools, number=number, deadline=run.deadline)
        run.take_turn(asked)
        if isinstance(asked.answer, ModelTurn):
            called = ", ".join(call.name for call in asked.answer.tool_calls)
            run.tell(Step("turn.ended", number, asked.answer.text, called))
        return asked.answer

    async def _run_tools(self, run: Run, turn: ModelTurn) -> Sequence[Answer]:
        calls = run.tools_of(turn)
        for call in calls:
            run.tell(Step("tool.started", run.spend.rounds, call.name, str(dict(call.arguments))))
        scope = Scope(run.transcript.incident, run.transcript.evidence)
        errand = Errand(scope, run.turns.steps, first=run.numbered + 1, left=run.left)
        answers = await self._toolbox.run(calls, errand)
        run.take_answers(answers, calls=len(calls))
        return answers

    def _replies(self, run: Run, turn: ModelTurn, answers: Sequence[Answer]) -> tuple[ToolReply, ...]:
        """Answers in call order; a submission is judged after the other calls of its turn were run."""
        by_call = {id(answer.call): answer for answer in answers}
        gathered = run.transcript.evidence
        replies = {id(call): self._toolbox.reply(call, by_call.get(id(call)), gathered) for call in run.tools_of(turn)}
        for reply in replies.values():
            status = reply.evidence.result.status if reply.evidence else "refused"
            run.tell(Step("tool.ended", run.spend.rounds, reply.call.name, str(status)))
        return tuple(replies.get(id(call)) or _other_reply(run, call) for call in turn.tool_calls)

    def _finish(self, run: Run, assessment: Assessment) -> Investigation:
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
        stand_in = stood_in(assessment, self._model.name)
        return Investigation(assessment, run.transcript.evidence, run.transcript, stand_in)


def _other_reply(run: Run, call: ToolCall) -> ToolReply:
    """The answer to a submission, or to a call beyond what one turn may ask."""
    if call.name != SUBMIT_TOOL:
        text = f"Not run: at most {run.limits.calls_per_round} calls in one turn. Ask again in the next."
        return ToolReply(call, text, is_error=True)
    judged = judge(call, run.transcript, last_try=run.last_try)
    if judged.checked is not None:
        run.checked = judged.checked
        return ToolReply(call, "Accepted.")
    run.returned += 1
    run.tell(Step("returned", run.spend.rounds, judged.refusal))
    return ToolReply(call, judged.refusal, is_error=True)
