"""`PlaybookModel`: the diagnostician behind the `Model` protocol. One turn is a pure function of the transcript.

It takes over a transcript that another engine began (fail-over): whatever evidence is there counts, whoever asked for
it. A submission that comes back is repeated without the claims that were refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from gcm_sentinel.domain.assessment import Draft
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.transcript import (
    SUBMIT_TOOL,
    ModelTurn,
    Nudge,
    StopReason,
    ToolCall,
    ToolReplies,
    ToolSpec,
    Transcript,
)
from gcm_sentinel.llm.playbook.advice import Case
from gcm_sentinel.llm.playbook.beliefs import Belief, Findings, believe
from gcm_sentinel.llm.playbook.entities import as_argument
from gcm_sentinel.llm.playbook.hypotheses import Playbook, shipped
from gcm_sentinel.llm.playbook.observations import observe
from gcm_sentinel.llm.playbook.planner import Plan, plan
from gcm_sentinel.llm.playbook.proposing import Asked, to_propose
from gcm_sentinel.llm.playbook.verdict import conclude

ENGINE = "playbook"


class PlaybookModel:
    """The playbook engine; holds its knowledge and no state."""

    def __init__(self, playbook: Playbook | None = None) -> None:
        self._playbook = playbook

    @property
    def name(self) -> str:
        """``playbook``."""
        return ENGINE

    async def turn(self, transcript: Transcript, tools: tuple[ToolSpec, ...]) -> ModelTurn:
        """The next questions, or the assessment."""
        playbook = self._playbook or shipped()
        sources = tuple(tool for tool in tools if tool.name != SUBMIT_TOOL)
        obs = observe(transcript.incident, transcript.evidence)
        findings = Findings(obs)
        beliefs = believe(playbook, obs, findings)
        step = Plan((), "told to conclude") if _must_conclude(transcript) else None
        step = step or plan(playbook, transcript, sources, beliefs, obs, findings)
        if step.asks:
            return _asking(transcript, beliefs, step)
        draft = conclude(Case(playbook, obs, beliefs, findings, sources))
        proposed = () if _must_conclude(transcript) else to_propose(draft, transcript, sources)
        if proposed:
            return _proposing(transcript, beliefs, proposed)
        return _submitting(transcript, beliefs, step, draft)


def _must_conclude(transcript: Transcript) -> bool:
    """Whether the loop asked for the assessment, or sent one back."""
    return bool(_refusals(transcript)) or any(isinstance(entry, Nudge) for entry in transcript.entries[-1:])


def _refusals(transcript: Transcript) -> list[str]:
    return [
        reply.content
        for entry in transcript.entries
        if isinstance(entry, ToolReplies)
        for reply in entry.replies
        if reply.call.name == SUBMIT_TOOL and reply.is_error
    ]


def _asking(transcript: Transcript, beliefs: Sequence[Belief], step: Plan) -> ModelTurn:
    first = _calls_so_far(transcript) + 1
    calls = tuple(
        ToolCall(f"playbook-{number}", ask.question.tool, ask.arguments) for number, ask in enumerate(step.asks, first)
    )
    lines = [_standing(beliefs), f"Next: {step.reason}."]
    for ask in step.asks:
        aim = f" to tell apart {', '.join(ask.tests[:5])} (expected gain {ask.gain:.2f} bit)" if ask.tests else ""
        lines.append(f"- {ask.question.tool} ({ask.question.name}){aim}")
    return ModelTurn("\n".join(lines), calls, StopReason.TOOL_USE, engine=ENGINE, model=ENGINE)


def _proposing(transcript: Transcript, beliefs: Sequence[Belief], proposed: Sequence[Asked]) -> ModelTurn:
    first = _calls_so_far(transcript) + 1
    calls = tuple(
        ToolCall(f"playbook-{number}", name, arguments) for number, (name, arguments) in enumerate(proposed, first)
    )
    named = ", ".join(name for name, _ in proposed)
    text = f"{_standing(beliefs)}\nProposing {named} before the assessment."
    return ModelTurn(text, calls, StopReason.TOOL_USE, engine=ENGINE, model=ENGINE)


def _submitting(transcript: Transcript, beliefs: Sequence[Belief], step: Plan, draft: Draft) -> ModelTurn:
    arguments = as_arguments(draft, _refusals(transcript))
    call = ToolCall(f"playbook-{_calls_so_far(transcript) + 1}", SUBMIT_TOOL, arguments)
    text = f"{_standing(beliefs)}\nConcluding {draft.fault_class}: {step.reason}."
    return ModelTurn(text, (call,), StopReason.TOOL_USE, engine=ENGINE, model=ENGINE)


def _calls_so_far(transcript: Transcript) -> int:
    return sum(len(entry.tool_calls) for entry in transcript.entries if isinstance(entry, ModelTurn))


def _standing(beliefs: Sequence[Belief]) -> str:
    """The hypotheses still alive, in a few lines: how probable, and what speaks for the leading ones."""
    lines = ["Hypotheses: " + ", ".join(f"{item.fault_class} {item.probability:.0%}" for item in beliefs[:5]) + "."]
    for belief in beliefs[:2]:
        for_it = [item.finding.key for item in belief.speaking_for[:3] if item.finding.holds]
        against = [item.finding.key for item in belief.speaking_against[:2]]
        if for_it or against:
            about = f" ({belief.subject.label})" if belief.subject else ""
            lines.append(
                f"{belief.fault_class}{about}: for {', '.join(for_it) or 'nothing yet'}; "
                f"against {', '.join(against) or 'nothing'}."
            )
    return "\n".join(lines)


def as_arguments(draft: Draft, refusals: Sequence[str] = ()) -> dict[str, Json]:
    """A draft as arguments of `submit_assessment`, without the claims that were refused before."""
    refused = "\n".join(refusals)
    kept = [claim for claim in draft.claims if repr(claim.text[:200]) not in refused]
    return {
        "severity": str(draft.severity),
        "fault_class": str(draft.fault_class),
        "summary": draft.summary,
        "root_cause": draft.root_cause,
        "confidence": draft.confidence,
        "entities": [as_argument(entity) for entity in draft.entities],
        "causal_chain": [{"text": step.text, "evidence": list(step.evidence)} for step in draft.causal_chain],
        "actions": [
            {
                "action": str(item.action),
                "target": as_argument(item.target) if item.target else None,
                "reason": item.reason,
            }
            for item in draft.actions
        ],
        "claims": [
            {
                "text": claim.text,
                "cites": [{"evidence": cite.evidence, "quote": cite.quote} for cite in claim.cites],
                "absence": claim.absence,
            }
            for claim in kept
        ],
        "ruled_out": [{"fault_class": str(item.fault_class), "reason": item.reason} for item in draft.ruled_out],
        "not_checked": list(draft.not_checked),
    }
