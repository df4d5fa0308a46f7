"""Stored incidents as JSON, for scripts. Keys are only ever added; `docs/operations.md` names them.

Formats ``gcm-sentinel/incidents/v1`` (a list) and ``gcm-sentinel/incident/v1`` (one). Times are ISO-8601 UTC, absent
values null. The assessment of the investigation looked at is ``report``, as `report_json` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.incident_record import (
    DeliveryRecord,
    IncidentRecord,
    InvestigationRecord,
    StoredTrigger,
    Symptom,
)
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.web.order_json import history_to_json
from gcm_sentinel.web.report_json import moment_to_json, publication_to_json, trigger_to_json
from gcm_sentinel.web.stored_incident import AskedFor, ListedIncident, ShownIncident

LIST_FORMAT = "gcm-sentinel/incidents/v1"
FORMAT = "gcm-sentinel/incident/v1"
EVIDENCE_FORMAT = "gcm-sentinel/evidence/v1"


def list_to_json(rows: Sequence[ListedIncident]) -> dict[str, Json]:
    """The list in the order given."""
    return {"format": LIST_FORMAT, "incidents": [_line(row) for row in rows]}


def incident_to_json(shown: ShownIncident) -> dict[str, Json]:
    """Everything about one incident."""
    whole, publication = shown.whole, shown.publication
    return {
        "format": FORMAT,
        "incident": {**_record(whole.record), "merged_into": whole.merged_into},
        "lead": trigger_to_json(whole.lead) if whole.lead else None,
        "trigger_count": whole.trigger_count,
        "triggers": [_stored_trigger(item) for item in whole.triggers],
        "symptoms": [_symptom(item) for item in whole.symptoms],
        "investigations": [_investigation(item) for item in whole.investigations],
        "deliveries": [_delivery(item) for item in whole.deliveries],
        "requests": [_request(item) for item in whole.requests],
        "orders": [history_to_json(item, shown.now) for item in shown.orders.shown],
        "orders_more": shown.orders.more,
        "orders_unreadable": shown.orders.unreadable,
        "looked_at": shown.looked_at.id if shown.looked_at else None,
        "report": publication_to_json(publication) if publication else None,
    }


def evidence_to_json(investigation_id: str, evidence: Evidence) -> dict[str, Json]:
    """One piece of evidence whole, its raw text included."""
    result = evidence.result
    asked = result.time_range
    return {
        "format": EVIDENCE_FORMAT,
        "investigation": investigation_id,
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
        "summary": result.summary,
        "raw": result.raw,
    }


def _line(row: ListedIncident) -> dict[str, Json]:
    return {
        **_record(row.record),
        "lead": trigger_to_json(row.lead) if row.lead else None,
        "trigger_count": row.trigger_count,
        "newest_investigation": _investigation(row.newest) if row.newest else None,
    }


def _record(record: IncidentRecord) -> dict[str, Json]:
    return {
        "id": record.id,
        "state": str(record.state),
        "severity": str(record.severity) if record.severity else None,
        "urgency": record.urgency.name.lower(),
        "scope": {"kind": record.scope.kind, "key": record.scope.key},
        "nodes": list[Json](sorted(record.nodes)),
        "kinds": list[Json](sorted(record.kinds)),
        "families": list[Json](sorted(map(str, record.families))),
        "opened_at": moment_to_json(record.opened_at),
        "last_trigger_at": moment_to_json(record.last_trigger_at),
        "quiet_since": moment_to_json(record.quiet_since),
        "closed_at": moment_to_json(record.closed_at),
        "close_reason": record.close_reason,
        "revision": record.revision,
        "flaps": record.flaps,
        "stand_in": record.stand_in,
        "failures": record.failures,
    }


def _stored_trigger(item: StoredTrigger) -> dict[str, Json]:
    return {
        **trigger_to_json(item.trigger),
        "state": str(item.state),
        "ruling": item.reason,
        "hold_until": moment_to_json(item.hold_until),
        "stored_at": moment_to_json(item.stored_at),
    }


def _symptom(item: Symptom) -> dict[str, Json]:
    return {
        "node": item.node,
        "kind": item.kind,
        "family": str(item.family),
        "status": str(item.status),
        "since": moment_to_json(item.since),
        "gpu_uuid": item.gpu_uuid or None,
        "source": item.source,
    }


def _investigation(item: InvestigationRecord) -> dict[str, Json]:
    return {
        "id": item.id,
        "revision": item.revision,
        "state": str(item.state),
        "why": str(item.why),
        "urgency": item.urgency.name.lower(),
        "requested_at": moment_to_json(item.requested_at),
        "started_at": moment_to_json(item.started_at),
        "ended_at": moment_to_json(item.ended_at),
        "executor": item.executor,
        "engine": item.engine,
        "model": item.model,
        "outcome": str(item.outcome) if item.outcome else None,
        "severity": str(item.severity) if item.severity else None,
        "fault_class": item.fault_class,
        "summary": item.summary,
        "action": item.action,
        "confidence": item.confidence,
        "spend": {**asdict(item.spend), "tokens": item.spend.tokens} if item.spend else None,
        "note": item.note,
    }


def _delivery(item: DeliveryRecord) -> dict[str, Json]:
    return {
        "investigation": item.investigation_id,
        "notifier": item.notifier,
        "state": str(item.state),
        "edition": item.edition,
        "attempts": item.attempts,
        "owed_at": moment_to_json(item.owed_at),
        "next_at": moment_to_json(item.next_at),
        "delivered_at": moment_to_json(item.delivered_at),
        "reason": item.reason,
    }


def _request(item: AskedFor) -> dict[str, Json]:
    return {"kind": item.kind, "by": item.by, "reason": item.reason, "at": moment_to_json(item.at)}
