"""An investigation's row as a value and back: what lists show, and what a finished one is stored as."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from gcm_sentinel.domain.actions import primary
from gcm_sentinel.domain.assessment import Assessment, Outcome, Severity
from gcm_sentinel.domain.assessment_json import assessment_to_json, spend_from_json, spend_to_json
from gcm_sentinel.domain.incident_record import InvestigationRecord, InvestigationState, Urgency, Why
from gcm_sentinel.storage.codecs import clean, from_json, micros, to_json, when, when_known
from gcm_sentinel.storage.schema import investigations

_LARGE = ("incident", "assessment", "transcript_blob")
RECORDS = select(*(column for column in investigations.c if column.name not in _LARGE))
"""Selects what `investigation_record` reads."""


def investigation_record(row: Row[Any]) -> InvestigationRecord:
    """The record in a row of `RECORDS`; raises one of `DAMAGE` when the row is damaged."""
    return InvestigationRecord(
        id=row.id,
        incident_id=row.incident_id,
        revision=row.revision,
        state=InvestigationState(row.state),
        why=Why(row.why),
        urgency=Urgency(row.urgency),
        requested_at=when(row.requested_at),
        started_at=when_known(row.started_at),
        ended_at=when_known(row.ended_at),
        executor=row.executor,
        engine=row.engine,
        model=row.model,
        outcome=Outcome(row.outcome) if row.outcome else None,
        severity=Severity(row.severity) if row.severity else None,
        fault_class=row.fault_class,
        summary=row.summary,
        action=row.action,
        confidence=row.confidence,
        spend=spend_from_json(from_json(row.spend)) if row.spend else None,
        note=row.note,
    )


def concluded(assessment: Assessment, note: str, ended_at: datetime) -> dict[str, Any]:
    """The columns that `assessment` fills in."""
    draft = assessment.draft
    return {
        "ended_at": micros(ended_at),
        "engine": clean(assessment.engine),
        "model": clean(assessment.model),
        "outcome": str(assessment.outcome),
        "severity": str(draft.severity),
        "fault_class": str(draft.fault_class),
        "summary": clean(draft.summary),
        "action": str(primary(tuple(item.action for item in draft.actions))),
        "confidence": draft.confidence,
        "spend": to_json(spend_to_json(assessment.spend)),
        "note": clean(note or "; ".join(assessment.notes)),
        "assessment": to_json(assessment_to_json(assessment)),
    }
