"""Directives between the wire and our values."""

from __future__ import annotations

from sentinel.ext.v1 import directives_pb2
from sentinel.v1 import health_pb2, quarantine_pb2
from sentinel_gateway.domain.directives import (
    Approval,
    Directive,
    DirectiveOutcome,
    DirectiveRecord,
    DirectiveRequest,
    action_of,
)
from sentinel_gateway.domain.health import Action, HealthState
from sentinel_gateway.services.wire_values import checked_ns, gpu_to_wire, timestamp


def directive_request(directive: quarantine_pb2.QuarantineDirective) -> DirectiveRequest:
    """What is asked for; an approval that the caller put in himself is not believed.

    Raises:
        Invalid: an unknown action, a time no database can keep.
    """
    return DirectiveRequest(
        gpu_uuid=directive.gpu.uuid,
        action=action_of(directive.action),
        reason=directive.reason,
        initiated_by=directive.initiated_by,
        evidence=tuple(directive.evidence),
        directive_id=directive.directive_id,
        priority=directive.priority,
        requires_approval=directive.requires_approval,
        time_ns=checked_ns(directive.timestamp, "timestamp") if directive.HasField("timestamp") else None,
    )


def directive_response(outcome: DirectiveOutcome) -> quarantine_pb2.DirectiveResponse:
    """The answer to an issued directive."""
    return quarantine_pb2.DirectiveResponse(
        directive_id=outcome.directive_id, accepted=True, resulting_state=outcome.resulting_state.name
    )


def directive_to_wire(directive: Directive) -> quarantine_pb2.QuarantineDirective:
    """A directive for those who follow."""
    return quarantine_pb2.QuarantineDirective(
        directive_id=directive.directive_id,
        gpu=gpu_to_wire(directive.gpu),
        action=action_number(directive.action),
        reason=directive.reason,
        initiated_by=directive.initiated_by,
        evidence=directive.evidence,
        timestamp=timestamp(directive.time_ns),
        priority=directive.priority,
        requires_approval=directive.requires_approval,
        approval=_approval(directive.approval) if directive.approval else None,
    )


def record_to_wire(record: DirectiveRecord) -> directives_pb2.DirectiveRecord:
    """A directive and where it stands."""
    return directives_pb2.DirectiveRecord(
        directive=directive_to_wire(record.directive),
        status=directives_pb2.DirectiveStatus.ValueType(record.status),
        from_state=state_number(record.from_state),
        resulting_state=state_number(record.resulting_state),
        expires_at=timestamp(record.expires_ns),
        executed_at=timestamp(record.executed_ns),
        note=record.note,
        issued_by=record.issued_by,
        issued_at=timestamp(record.issued_ns),
    )


def state_number(state: HealthState) -> health_pb2.GpuHealthState.ValueType:
    """A state's number on the wire."""
    return health_pb2.GpuHealthState.ValueType(state)


def action_number(action: Action) -> quarantine_pb2.QuarantineAction.ValueType:
    """An action's number on the wire; 0 for the gateway's own, which no directive carries."""
    number = action.value if isinstance(action.value, int) else 0
    return quarantine_pb2.QuarantineAction.ValueType(number)


def _approval(approval: Approval) -> quarantine_pb2.ApprovalStatus:
    return quarantine_pb2.ApprovalStatus(
        approved=approval.approved,
        reviewer=approval.reviewer,
        review_time=timestamp(approval.review_time_ns),
        comment=approval.comment,
    )
