"""Orders and the questions about them as JSON, for scripts: in `incidents show`, in `approvals`, and over HTTP.

Keys are only ever added; docs/operations.md names them. What is not stored any more is null.
"""

from __future__ import annotations

from datetime import datetime

from gcm_sentinel.domain.action_record import ActionRecord, Approval
from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.foreseen import Foreseen
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import DECLARED
from gcm_sentinel.domain.order_history import OrderHistory
from gcm_sentinel.domain.question import answer_to
from gcm_sentinel.web.report_json import moment_to_json


def history_to_json(item: OrderHistory, now: datetime) -> JsonObject:
    """One order of an incident, from its proposal to where it stands."""
    record, order = item.record, item.record.order
    target = order.target
    return {
        "investigation": order.investigation_id,
        "operation": str(order.operation),
        "target": {"kind": target.kind, "name": target.name, "uid": target.uid, "node": target.node},
        "arguments": dict(order.arguments),
        "state": str(record.state),
        "refusal": str(record.refusal) or None,
        "mode": record.mode,
        "asked_by": order.asked_by,
        "reason": order.reason,
        "requested_at": moment_to_json(record.requested_at),
        "started_at": moment_to_json(record.started_at),
        "ended_at": moment_to_json(record.ended_at),
        "ruling": record.ruling,
        "note": record.note,
        "calls": [str(call) for call in order.calls],
        "digest": order.digest,
        "questions": [question_to_json(question, now) for question in item.questions],
        "stands": item.stands,
        "given_back_by": item.given_back_by or None,
    }


def question_to_json(question: Approval, now: datetime) -> JsonObject:
    """A question and what became of it; `answer` tells expired and withdrawn from decided."""
    return {
        "id": question.id,
        "state": str(question.state),
        "answer": str(answer_to(question, now)),
        "requested_at": moment_to_json(question.requested_at),
        "expires_at": moment_to_json(question.expires_at),
        "decided_at": moment_to_json(question.decided_at),
        "decided_by": question.decided_by,
        "channel": question.channel,
        "decision_reason": question.reason,
        "digest": question.digest,
    }


def approval_to_json(
    question: Approval, record: ActionRecord | None, effect: Foreseen | None, now: datetime
) -> JsonObject:
    """A question, the order it is about, and its `effect` on others."""
    return {**question_to_json(question, now), **(_order(record, effect) if record else _no_order(question))}


def because_to_json(assessment: Assessment | None) -> JsonObject | None:
    """What the order rests on; null where that is not stored any more."""
    if assessment is None:
        return None
    found = assessment.draft
    return {
        "severity": str(found.severity),
        "fault_class": str(found.fault_class),
        "summary": found.summary,
        "root_cause": found.root_cause,
        "confidence": found.confidence,
        "claims": [claim.text for claim in found.claims],
    }


def _no_order(question: Approval) -> JsonObject:
    return {"action": None, "incident": question.incident_id}


def _order(record: ActionRecord, effect: Foreseen | None) -> JsonObject:
    order = record.order
    return {
        "action": str(order.operation),
        "action_state": str(record.state),
        "target": {"kind": order.target.kind, "name": order.target.name, "uid": order.target.uid},
        "incident": order.incident_id,
        "investigation": order.investigation_id,
        "calls": [str(call) for call in order.calls],
        "affects": list(effect.affects) if effect else None,
        "spared": list(effect.spared) if effect else None,
        "plan_notes": list(effect.notes) if effect else None,
        "reason": order.reason,
        "asked_by": order.asked_by,
        "ruling": record.ruling,
        "note": record.note,
        "undone_by": str(DECLARED[order.operation].undo or ""),
        "verified_when": DECLARED[order.operation].verified,
    }
