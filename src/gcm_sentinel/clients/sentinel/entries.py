"""Ledger entries between the wire and our values, both ways."""

from __future__ import annotations

from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING

from gcm_sentinel.clients.sentinel import content
from gcm_sentinel.domain.audit import (
    ENTRY_TYPES,
    ActionNote,
    AssessmentNote,
    AuditEntry,
    AuditFilter,
    AuditPage,
    Verification,
)

if TYPE_CHECKING:
    from sentinel.ext.v1.records_pb2 import AssessmentRecord
    from sentinel_sdk import types as sdk

ASSESSMENT_EVENT = "assessment.published"
ACTION_EVENT = "action."
"""With the state it came to: ``action.done``."""


def filters(wanted: AuditFilter) -> sdk.AuditQueryFilters:
    """A filter for the wire."""
    from sentinel_sdk import AuditEntryType, AuditQueryFilters, GpuIdentifier

    return AuditQueryFilters(
        gpu=GpuIdentifier(uuid=wanted.gpu_uuid) if wanted.gpu_uuid else None,
        start_time=wanted.since,
        end_time=wanted.until,
        entry_type=AuditEntryType(ENTRY_TYPES.index(wanted.entry_type) + 1 if wanted.entry_type else 0),
        limit=wanted.limit,
        descending=wanted.newest_first,
    )


def page(model: sdk.AuditQueryResponse) -> AuditPage:
    """A page of entries."""
    found = tuple(map(entry, model.entries))
    return AuditPage(found, max(model.total_count, len(found)), more=bool(model.next_page_token))


def entry(model: sdk.AuditEntry) -> AuditEntry:
    """One entry, its content read as far as it is known."""
    number = int(model.entry_type)
    message, fields = content.read(number, model.data)
    return AuditEntry(
        id=model.entry_id,
        kind=ENTRY_TYPES[number - 1] if 1 <= number <= len(ENTRY_TYPES) else f"TYPE_{number}",
        at=model.timestamp,
        gpu_uuid=model.gpu.uuid if model.gpu else "",
        node=model.gpu.hostname if model.gpu else "",
        content=fields,
        message=message,
        data_bytes=len(model.data),
        data_sha256=sha256(model.data).hexdigest(),
        entry_hash=model.entry_hash.hex(),
        previous_hash=model.previous_hash.hex(),
    )


def verification(model: sdk.ChainVerificationResult) -> Verification:
    """What the gateway's own check said."""
    return Verification(
        valid=model.valid,
        entries=model.entries_verified,
        batches=model.batches_verified,
        took_ms=model.verification_time_ms,
        first_bad=model.first_invalid_entry_id or None,
        failure=model.failure_description,
    )


def of_note(note: AssessmentNote | ActionNote) -> sdk.AuditEntry:
    """A note as an entry; the same note gives the same bytes, by which a repeated delivery is recognised.

    About one GPU whose place is known, the entry names it, so that a question for that GPU's entries finds it. All
    others stand in the record only: the wire's index has no way to say that it is unknown.
    """
    from sentinel.ext.v1.records_pb2 import SystemRecord
    from sentinel_sdk import AuditEntry as WireEntry
    from sentinel_sdk import AuditEntryType, GpuIdentifier

    if isinstance(note, ActionNote):
        told = SystemRecord(event=f"{ACTION_EVENT}{note.state}", fields=_action_fields(note))
        data = told.SerializeToString(deterministic=True)
        return WireEntry(entry_type=AuditEntryType.SYSTEM_EVENT, timestamp=note.at.astimezone(UTC), data=data)
    record = SystemRecord(event=ASSESSMENT_EVENT, assessment=_assessment(note))
    gpu = note.gpu
    return WireEntry(
        entry_type=AuditEntryType.SYSTEM_EVENT,
        timestamp=note.concluded_at.astimezone(UTC),
        gpu=GpuIdentifier(uuid=gpu.uuid, hostname=gpu.node, device_index=gpu.index) if gpu else None,
        data=record.SerializeToString(deterministic=True),
    )


def _action_fields(note: ActionNote) -> dict[str, str]:
    fields = {
        "incident": note.incident_id,
        "investigation": note.investigation_id,
        "operation": note.operation,
        "target": note.target,
        "order_sha256": note.digest,
        "decided_by": note.decided_by,
        "note": note.note,
    }
    return {name: value for name, value in fields.items() if value}


def _assessment(note: AssessmentNote) -> AssessmentRecord:
    from sentinel.ext.v1.records_pb2 import AssessmentRecord, EvidenceDigest

    record = AssessmentRecord(
        incident_id=note.incident_id,
        investigation_id=note.investigation_id,
        nodes=note.nodes,
        gpu_uuids=note.gpu_uuids,
        severity=note.severity,
        fault_class=note.fault_class,
        summary=note.summary,
        confidence=note.confidence,
        recommended_actions=note.actions,
        engine=note.engine,
        model=note.model,
        evidence=[
            EvidenceDigest(evidence_id=mark.id, source=mark.source, sha256=bytes.fromhex(mark.sha256))
            for mark in note.evidence
        ],
    )
    record.concluded_at.FromDatetime(note.concluded_at.astimezone(UTC).replace(tzinfo=None))
    return record
