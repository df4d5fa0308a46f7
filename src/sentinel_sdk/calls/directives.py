"""Directives: issuing them, and deciding or taking back those that wait for a person.

A directive gets its id here and keeps it however often it is sent, so a server that took it before the answer was lost
recognises it and does nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sentinel.ext.v1 import directives_pb2
from sentinel.v1 import quarantine_pb2
from sentinel_sdk import methods
from sentinel_sdk.errors import invalid
from sentinel_sdk.ids import uuid7
from sentinel_sdk.rpc import Call, Pages, Reply, call
from sentinel_sdk.types.common import GpuIdentifier
from sentinel_sdk.types.enums import DirectiveStatus, QuarantineAction
from sentinel_sdk.types.quarantine import DirectiveList, DirectiveRecord, DirectiveResponse, QuarantineDirective

STATUS_METADATA = "sentinel-directive-status"
"""In the trailing metadata of the answer to a directive; ``waiting`` where a person has to approve it first."""


def issue_quarantine(
    gpu_uuid: str,
    action: QuarantineAction,
    reason: str,
    initiated_by: str = "sentinel-sdk",
    evidence: Sequence[str] | None = None,
    requires_approval: bool = False,  # noqa: FBT001, FBT002 - the documented signature
) -> Call[DirectiveResponse]:
    """Change a GPU's state, or ask for it where a person must approve.

    Raises:
        NotFoundError: nobody ever reported about this GPU.
        FailedPreconditionError: the GPU's state does not allow it.
    """
    return issue_directive(
        QuarantineDirective(
            gpu=GpuIdentifier(uuid=gpu_uuid),
            action=action,
            reason=reason,
            initiated_by=initiated_by,
            evidence=list(evidence or ()),
            requires_approval=requires_approval,
        )
    )


def issue_directive(directive: QuarantineDirective) -> Call[DirectiveResponse]:
    """Issue a directive with all its fields. Id and time are filled in where unset, in the message that is sent only.

    Raises:
        AlreadyExistsError: its id was used before for another directive.
    """
    complete = directive.model_copy(
        update={
            "directive_id": directive.directive_id or uuid7(),
            "timestamp": directive.timestamp or datetime.now(UTC),
        }
    )

    def answer(reply: Reply[quarantine_pb2.DirectiveResponse]) -> DirectiveResponse:
        response = DirectiveResponse.from_proto(reply.message)
        response.waiting = reply.trailing.get(STATUS_METADATA) == "waiting"
        return response

    return call(methods.ISSUE_DIRECTIVE, complete.to_proto(), answer)


def quarantine_gpu(
    gpu_uuid: str, reason: str, initiated_by: str = "sentinel-sdk", evidence: Sequence[str] | None = None
) -> Call[DirectiveResponse]:
    """Take a GPU out of production: `issue_quarantine` with QUARANTINE."""
    return issue_quarantine(gpu_uuid, QuarantineAction.QUARANTINE, reason, initiated_by, evidence)


def reinstate_gpu(
    gpu_uuid: str, reason: str, initiated_by: str = "sentinel-sdk", evidence: Sequence[str] | None = None
) -> Call[DirectiveResponse]:
    """Bring a GPU back into production: `issue_quarantine` with REINSTATE."""
    return issue_quarantine(gpu_uuid, QuarantineAction.REINSTATE, reason, initiated_by, evidence)


def schedule_deep_test(
    gpu_uuid: str, reason: str, initiated_by: str = "sentinel-sdk", evidence: Sequence[str] | None = None
) -> Call[DirectiveResponse]:
    """Begin the deep test of a quarantined GPU: `issue_quarantine` with SCHEDULE_DEEP_TEST."""
    return issue_quarantine(gpu_uuid, QuarantineAction.SCHEDULE_DEEP_TEST, reason, initiated_by, evidence)


def condemn_gpu(
    gpu_uuid: str, reason: str, initiated_by: str = "sentinel-sdk", evidence: Sequence[str] | None = None
) -> Call[DirectiveResponse]:
    """Give a GPU up for good: `issue_quarantine` with CONDEMN. Waits for a person unless the server is told not to."""
    return issue_quarantine(gpu_uuid, QuarantineAction.CONDEMN, reason, initiated_by, evidence)


def get_directive(directive_id: str) -> Call[DirectiveRecord]:
    """A directive and what became of it.

    Raises:
        NotFoundError: no directive has this id.
    """
    request = directives_pb2.GetDirectiveRequest(directive_id=directive_id)
    return call(methods.GET_DIRECTIVE, request, lambda reply: DirectiveRecord.from_proto(reply.message))


def list_directives(
    gpu_uuid: str = "",
    status: DirectiveStatus | Sequence[DirectiveStatus] | None = None,
    limit: int = 100,
    page_token: str = "",
) -> Call[DirectiveList]:
    """A page of directives, newest first."""
    if not 0 <= limit < 2**32:
        raise invalid(f"limit must be between 0 and {2**32 - 1}, not {limit}")
    request = directives_pb2.ListDirectivesRequest(gpu_uuid=gpu_uuid, limit=limit, page_token=page_token)
    wanted = [status] if isinstance(status, DirectiveStatus) else status or ()
    # mypy-protobuf wants the wire's own enumeration, whose numbers are the same.
    request.status.extend(int(one) for one in wanted)  # type: ignore[misc]
    return call(methods.LIST_DIRECTIVES, request, lambda reply: DirectiveList.from_proto(reply.message))


def iter_directives(
    gpu_uuid: str = "", status: DirectiveStatus | Sequence[DirectiveStatus] | None = None, limit: int = 100
) -> Pages[DirectiveList, DirectiveRecord]:
    """All directives, newest first, read in pages of `limit`."""
    return Pages(
        lambda token: list_directives(gpu_uuid, status, limit, token),
        lambda page: page.directives,
        lambda page: page.next_page_token,
    )


def approve_directive(directive_id: str, comment: str = "") -> Call[DirectiveRecord]:
    """Approve a waiting directive; the reviewer is who the connection proves to be.

    Raises:
        AuthenticationError: it is one's own, or one may not decide.
        FailedPreconditionError: it was decided otherwise, or nobody decided in time.
    """
    return _decide(directive_id, comment, approve=True)


def deny_directive(directive_id: str, comment: str = "") -> Call[DirectiveRecord]:
    """Deny a waiting directive; the reviewer is who the connection proves to be.

    Raises:
        AuthenticationError: it is one's own, or one may not decide.
        FailedPreconditionError: it was decided otherwise, or nobody decided in time.
    """
    return _decide(directive_id, comment, approve=False)


def withdraw_directive(directive_id: str, comment: str = "") -> Call[DirectiveRecord]:
    """Take back a directive of one's own that waits; whoever may decide directives may take back anybody's.

    Raises:
        AuthenticationError: it is somebody else's, and one may not decide.
        FailedPreconditionError: it does not wait any more.
    """
    request = directives_pb2.WithdrawDirectiveRequest(directive_id=directive_id, comment=comment)
    return call(methods.WITHDRAW_DIRECTIVE, request, lambda reply: DirectiveRecord.from_proto(reply.message))


def _decide(directive_id: str, comment: str, *, approve: bool) -> Call[DirectiveRecord]:
    request = directives_pb2.DecideDirectiveRequest(directive_id=directive_id, approve=approve, comment=comment)
    return call(methods.DECIDE_DIRECTIVE, request, lambda reply: DirectiveRecord.from_proto(reply.message))
