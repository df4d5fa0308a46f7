"""Directives: what is to be done to a GPU, who approved it, and what became of it."""

from __future__ import annotations

from sentinel.ext.v1 import directives_pb2
from sentinel.v1 import quarantine_pb2
from sentinel_sdk.types.common import GpuIdentifier
from sentinel_sdk.types.enums import DirectiveStatus, GpuHealthState, QuarantineAction
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.timestamps import UtcDatetime


class ApprovalStatus(Message):
    """A person's decision on a directive."""

    wire = quarantine_pb2.ApprovalStatus
    approved: bool = False
    reviewer: str = ""
    review_time: UtcDatetime | None = None
    comment: str = ""


class QuarantineDirective(Message):
    """What is to be done to a GPU; a lower `priority` is more urgent."""

    wire = quarantine_pb2.QuarantineDirective
    directive_id: str = ""
    gpu: GpuIdentifier | None = None
    action: QuarantineAction = QuarantineAction.UNSPECIFIED
    reason: str = ""
    initiated_by: str = ""
    evidence: list[str] = []
    timestamp: UtcDatetime | None = None
    priority: int = 0
    requires_approval: bool = False
    approval: ApprovalStatus | None = None


class DirectiveResponse(Message):
    """The answer to a directive; `resulting_state` is a state's name."""

    wire = quarantine_pb2.DirectiveResponse
    directive_id: str = ""
    accepted: bool = False
    rejection_reason: str = ""
    resulting_state: str = ""
    waiting: bool = False
    """It was taken but waits for a person: `resulting_state` is still the old one. Not part of the message itself."""


class DirectiveRecord(Message):
    """A directive and what became of it; its `approval.reviewer` is who the deciding connection proved to be."""

    wire = directives_pb2.DirectiveRecord
    directive: QuarantineDirective | None = None
    status: DirectiveStatus = DirectiveStatus.UNSPECIFIED
    from_state: GpuHealthState = GpuHealthState.UNSPECIFIED
    resulting_state: GpuHealthState = GpuHealthState.UNSPECIFIED
    expires_at: UtcDatetime | None = None
    executed_at: UtcDatetime | None = None
    note: str = ""
    issued_by: str = ""
    """Who the issuing connection proved to be; `directive.initiated_by` is what it claims."""
    issued_at: UtcDatetime | None = None
    """By the gateway's clock."""


class DirectiveList(Message):
    """A page of directives, newest first; `next_page_token` is empty on the last."""

    wire = directives_pb2.ListDirectivesResponse
    directives: list[DirectiveRecord] = []
    next_page_token: str = ""
