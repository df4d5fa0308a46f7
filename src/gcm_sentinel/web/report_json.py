"""A publication as plain JSON: the one machine-readable shape of a result, format ``gcm-sentinel/report/v1``.

Used by the CLI (``--output json``), the evaluation and whoever stores results. Keys are only ever added. Times are
ISO-8601 UTC, durations seconds, money US dollars, absent values null::

    format, incident {id, node, opened_at, triggers [...]},
    assessment {outcome, severity, fault_class, fault_meaning, summary, root_cause, confidence, entities [...],
                causal_chain [{text, evidence}], actions [{action, meaning, target, reason}], primary_action,
                claims [{text, absence, cites [{evidence, quote}]}], struck [{claim, reason}],
                ruled_out [{fault_class, reason}], not_checked, notes, engine, model, created_at, spend {...}},
    orders [{operation, target, state, note, question, decided_by, digest}],
    held_back [{operation, target, reason, evidence}],
    evidence [{id, source, tool, arguments, status, query, note, time_range, observed_at, digest, entities,
               summary, raw_length}]

Raw evidence is named by length and digest only; it stays in the evidence store.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from gcm_sentinel.domain import actions, faults
from gcm_sentinel.domain.assessment import Assessment, Claim, Draft, Spend
from gcm_sentinel.domain.entity import Entity
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.domain.trigger import Incident, Trigger

FORMAT = "gcm-sentinel/report/v1"


def publication_to_json(publication: Publication) -> dict[str, Json]:
    """The whole publication; `json.dumps` takes it as it is."""
    return {
        "format": FORMAT,
        "incident": _incident(publication.incident),
        "assessment": _assessment(publication.assessment),
        "orders": [_order(item) for item in publication.actions],
        "held_back": [asdict(item) for item in publication.held_back],
        "evidence": [_evidence(item) for item in publication.evidence],
    }


def _order(action: PublishedAction) -> dict[str, Json]:
    target = action.target
    return {
        "operation": str(action.operation),
        "target": {"kind": target.kind, "name": target.name, "uid": target.uid},
        "state": str(action.state),
        "note": action.note,
        "question": action.question_id or None,
        "decided_by": action.decided_by or None,
        "digest": action.digest,
    }


def _incident(incident: Incident) -> dict[str, Json]:
    return {
        "id": incident.id,
        "node": incident.node,
        "opened_at": moment_to_json(incident.opened_at),
        "triggers": [trigger_to_json(trigger) for trigger in incident.triggers],
    }


def trigger_to_json(trigger: Trigger) -> dict[str, Json]:
    """One trigger; in stored incidents as well (incident_json.py)."""
    return {
        "source": trigger.source,
        "node": trigger.node,
        "kind": trigger.kind,
        "status": str(trigger.status),
        "reason": trigger.reason,
        "message": trigger.message,
        "observed_at": moment_to_json(trigger.observed_at),
        "transition_at": moment_to_json(trigger.transition_at),
        "node_uid": trigger.node_uid,
        "gpu_uuid": trigger.gpu_uuid,
        "fingerprint": trigger.fingerprint,
    }


def _assessment(assessment: Assessment) -> dict[str, Json]:
    return {
        "incident_id": assessment.incident_id,
        "node": assessment.node,
        "condition": assessment.condition,
        "outcome": str(assessment.outcome),
        **_draft(assessment.draft),
        "struck": [{"claim": _claim(item.claim), "reason": item.reason} for item in assessment.struck],
        "notes": list(assessment.notes),
        "engine": assessment.engine,
        "model": assessment.model,
        "created_at": moment_to_json(assessment.created_at),
        "spend": _spend(assessment.spend),
    }


def _draft(draft: Draft) -> dict[str, Json]:
    return {
        "severity": str(draft.severity),
        "fault_class": str(draft.fault_class),
        "fault_meaning": faults.MEANING[draft.fault_class],
        "summary": draft.summary,
        "root_cause": draft.root_cause,
        "confidence": draft.confidence,
        "entities": [_entity(entity) for entity in draft.entities],
        "causal_chain": [{"text": step.text, "evidence": list(step.evidence)} for step in draft.causal_chain],
        "actions": [
            {
                "action": str(item.action),
                "meaning": actions.MEANING[item.action],
                "target": _entity(item.target) if item.target else None,
                "reason": item.reason,
            }
            for item in draft.actions
        ],
        "primary_action": str(actions.primary(tuple(item.action for item in draft.actions))),
        "claims": [_claim(claim) for claim in draft.claims],
        "ruled_out": [{"fault_class": str(item.fault_class), "reason": item.reason} for item in draft.ruled_out],
        "not_checked": list(draft.not_checked),
    }


def _claim(claim: Claim) -> dict[str, Json]:
    return {
        "text": claim.text,
        "absence": claim.absence,
        "cites": [{"evidence": cite.evidence, "quote": cite.quote} for cite in claim.cites],
    }


def _entity(entity: Entity) -> dict[str, Json]:
    return {
        "kind": str(entity.kind),
        "name": entity.name,
        "node": entity.node,
        "index": entity.index,
        "uuid": entity.uuid,
        "pci": entity.pci,
    }


def _spend(spend: Spend) -> dict[str, Json]:
    return {**asdict(spend), "tokens": spend.tokens}


def _evidence(evidence: Evidence) -> dict[str, Json]:
    result = evidence.result
    asked = result.time_range
    return {
        "id": evidence.id,
        "source": evidence.source,
        "tool": evidence.tool,
        "arguments": evidence.arguments,
        "status": str(result.status),
        "query": result.query,
        "note": result.note,
        "time_range": {"start": moment_to_json(asked.start), "end": moment_to_json(asked.end)} if asked else None,
        "observed_at": moment_to_json(evidence.observed_at),
        "digest": evidence.digest,
        "entities": [_entity(entity) for entity in result.entities],
        "summary": result.summary,
        "raw_length": len(result.raw),
    }


def moment_to_json(value: datetime | None) -> str | None:
    """ISO-8601 in UTC; absent values stay null."""
    return value.astimezone(UTC).isoformat() if value else None
