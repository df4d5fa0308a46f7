"""An assessment as JSON and back, whole: what is stored, and what a recorded step carries.

The shape follows the values field by field, times as ISO-8601, enums by their value. The codecs of what an assessment
stands on are written in incident_json.py and evidence_json.py and given out here too, so that whoever records the steps
of an investigation has one place to look. Every `..._from_json` raises `BadConfiguration` with the place
that is wrong; keys it does not know are ignored.
"""

from __future__ import annotations

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import (
    Assessment,
    CausalStep,
    Citation,
    Claim,
    Draft,
    Outcome,
    RecommendedAction,
    RuledOut,
    Severity,
    Spend,
    StruckClaim,
)
from gcm_sentinel.domain.evidence_json import entity_to_json, evidence_from_json, evidence_to_json, read_entity
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.incident_json import incident_from_json, incident_to_json, trigger_from_json, trigger_to_json
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import JsonObject

__all__ = [
    "assessment_from_json",
    "assessment_to_json",
    "draft_from_json",
    "draft_to_json",
    "evidence_from_json",
    "evidence_to_json",
    "incident_from_json",
    "incident_to_json",
    "spend_from_json",
    "spend_to_json",
    "trigger_from_json",
    "trigger_to_json",
]


def assessment_to_json(assessment: Assessment) -> JsonObject:
    """The whole assessment as plain JSON values."""
    return {
        "incident_id": assessment.incident_id,
        "node": assessment.node,
        "condition": assessment.condition,
        "outcome": str(assessment.outcome),
        "draft": draft_to_json(assessment.draft),
        "struck": [{"claim": _claim_to_json(item.claim), "reason": item.reason} for item in assessment.struck],
        "engine": assessment.engine,
        "model": assessment.model,
        "created_at": assessment.created_at.isoformat(),
        "spend": spend_to_json(assessment.spend),
        "notes": list(assessment.notes),
    }


def assessment_from_json(data: object) -> Assessment:
    """The assessment that `assessment_to_json` wrote."""
    read = JsonReader.of(data, "assessment")
    return Assessment(
        incident_id=read.get("incident_id", str),
        node=read.get("node", str),
        condition=read.get("condition", str),
        outcome=read.member("outcome", Outcome),
        draft=_read_draft(read.inside("draft")),
        struck=tuple(read.each("struck", _read_struck)),
        engine=read.get("engine", str),
        model=read.get("model", str),
        created_at=read.moment("created_at"),
        spend=_read_spend(read.inside("spend")),
        notes=read.texts("notes"),
    )


def draft_to_json(draft: Draft) -> JsonObject:
    """What a model submitted, as plain JSON values."""
    return {
        "severity": str(draft.severity),
        "fault_class": str(draft.fault_class),
        "summary": draft.summary,
        "root_cause": draft.root_cause,
        "confidence": draft.confidence,
        "entities": [entity_to_json(entity) for entity in draft.entities],
        "causal_chain": [{"text": step.text, "evidence": list(step.evidence)} for step in draft.causal_chain],
        "actions": [_action_to_json(action) for action in draft.actions],
        "claims": [_claim_to_json(claim) for claim in draft.claims],
        "ruled_out": [{"fault_class": str(item.fault_class), "reason": item.reason} for item in draft.ruled_out],
        "not_checked": list(draft.not_checked),
    }


def draft_from_json(data: object) -> Draft:
    """The draft that `draft_to_json` wrote."""
    return _read_draft(JsonReader.of(data, "draft"))


def _read_draft(read: JsonReader) -> Draft:
    return Draft(
        severity=read.member("severity", Severity),
        fault_class=read.member("fault_class", FaultClass),
        summary=read.get("summary", str),
        root_cause=read.get("root_cause", str),
        confidence=read.number("confidence"),
        entities=tuple(read.each("entities", read_entity)),
        causal_chain=tuple(read.each("causal_chain", _read_step)),
        actions=tuple(read.each("actions", _read_action)),
        claims=tuple(read.each("claims", _read_claim)),
        ruled_out=tuple(read.each("ruled_out", _read_ruled_out)),
        not_checked=read.texts("not_checked"),
    )


def spend_to_json(spend: Spend) -> JsonObject:
    """What was used, as plain JSON values; the cost is null where a price is not known."""
    return {
        "rounds": spend.rounds,
        "tool_calls": spend.tool_calls,
        "input_tokens": spend.input_tokens,
        "cached_tokens": spend.cached_tokens,
        "output_tokens": spend.output_tokens,
        "wall_s": spend.wall_s,
        "cost_usd": spend.cost_usd,
    }


def spend_from_json(data: object) -> Spend:
    """The spend that `spend_to_json` wrote."""
    return _read_spend(JsonReader.of(data, "spend"))


def _read_spend(read: JsonReader) -> Spend:
    return Spend(
        rounds=read.get("rounds", int),
        tool_calls=read.get("tool_calls", int),
        input_tokens=read.get("input_tokens", int),
        cached_tokens=read.get("cached_tokens", int),
        output_tokens=read.get("output_tokens", int),
        wall_s=read.number("wall_s"),
        cost_usd=read.number("cost_usd") if read.has("cost_usd") else None,
    )


def _claim_to_json(claim: Claim) -> JsonObject:
    return {
        "text": claim.text,
        "cites": [{"evidence": cite.evidence, "quote": cite.quote} for cite in claim.cites],
        "absence": claim.absence,
    }


def _read_claim(read: JsonReader) -> Claim:
    return Claim(
        text=read.get("text", str), cites=tuple(read.each("cites", _read_cite)), absence=read.get("absence", bool)
    )


def _read_cite(read: JsonReader) -> Citation:
    return Citation(evidence=read.get("evidence", str), quote=read.get("quote", str))


def _read_struck(read: JsonReader) -> StruckClaim:
    return StruckClaim(claim=_read_claim(read.inside("claim")), reason=read.get("reason", str))


def _read_step(read: JsonReader) -> CausalStep:
    return CausalStep(text=read.get("text", str), evidence=read.texts("evidence"))


def _read_ruled_out(read: JsonReader) -> RuledOut:
    return RuledOut(fault_class=read.member("fault_class", FaultClass), reason=read.get("reason", str))


def _action_to_json(action: RecommendedAction) -> JsonObject:
    return {
        "action": str(action.action),
        "target": entity_to_json(action.target) if action.target else None,
        "reason": action.reason,
    }


def _read_action(read: JsonReader) -> RecommendedAction:
    return RecommendedAction(
        action=read.member("action", Action),
        target=read_entity(read.inside("target")) if read.has("target") else None,
        reason=read.get("reason", str),
    )
