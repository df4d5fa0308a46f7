"""Directives: issuing, following, listing, deciding and withdrawing them.

Followers resume: `sentinel-resume-after: <directive_id>` in the metadata replays everything after that directive in
order, then goes on live. A directive that waits is sent when it begins to wait, and again when it is executed.
"""

# ruff: noqa: N802  methods are named as on the wire

from __future__ import annotations

from collections.abc import AsyncIterator

from sentinel.ext.v1 import directives_pb2, directives_pb2_grpc
from sentinel.v1 import quarantine_pb2, quarantine_pb2_grpc
from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveFilter, DirectiveStatus, action_of
from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.services.authentication import Context, calling
from sentinel_gateway.services.directive_messages import (
    directive_request,
    directive_response,
    directive_to_wire,
    record_to_wire,
)
from sentinel_gateway.services.following import following
from sentinel_gateway.services.metadata import sent_text
from sentinel_gateway.services.wire_values import members

STATUS_KEY = "sentinel-directive-status"
RESUME_KEY = "sentinel-resume-after"
_USUAL_PAGE = 100


class QuarantineService(quarantine_pb2_grpc.QuarantineServiceServicer):
    """`sentinel.v1.QuarantineService`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def IssueDirective(
        self, request: quarantine_pb2.QuarantineDirective, context: Context
    ) -> quarantine_pb2.DirectiveResponse:
        """Do what is asked, or let it wait; trailing metadata say which."""
        outcome = await self._core.issue(calling(), directive_request(request))
        context.set_trailing_metadata(((STATUS_KEY, outcome.status.name.lower()),))
        return directive_response(outcome)

    async def StreamDirectives(
        self, request: quarantine_pb2.DirectiveSubscription, context: Context
    ) -> AsyncIterator[quarantine_pb2.QuarantineDirective]:
        """Directives as they are executed or begin to wait."""
        action = action_of(request.action_filter) if request.action_filter else None
        followed = self._core.follow_directives(request.hostname_filter, action, sent_text(context, RESUME_KEY))
        async with following(followed, context) as directives:
            async for directive in directives:
                yield directive_to_wire(directive)


class DirectiveService(directives_pb2_grpc.DirectiveServiceServicer):
    """`sentinel.ext.v1.DirectiveService`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def GetDirective(
        self, request: directives_pb2.GetDirectiveRequest, context: Context
    ) -> directives_pb2.DirectiveRecord:
        """One directive."""
        return record_to_wire(await self._core.directive(_named(request.directive_id)))

    async def ListDirectives(
        self, request: directives_pb2.ListDirectivesRequest, context: Context
    ) -> directives_pb2.ListDirectivesResponse:
        """A page of directives, newest first."""
        wanted = DirectiveFilter(request.gpu_uuid, members(DirectiveStatus, request.status, "status"))
        page = await self._core.directives(wanted, request.limit or _USUAL_PAGE, request.page_token)
        return directives_pb2.ListDirectivesResponse(
            directives=[record_to_wire(record) for record in page.directives], next_page_token=page.next_page_token
        )

    async def DecideDirective(
        self, request: directives_pb2.DecideDirectiveRequest, context: Context
    ) -> directives_pb2.DirectiveRecord:
        """Approve or deny; the reviewer is whoever the connection proves to be."""
        record = await self._core.decide(
            calling(), _named(request.directive_id), approve=request.approve, comment=request.comment
        )
        return record_to_wire(record)

    async def WithdrawDirective(
        self, request: directives_pb2.WithdrawDirectiveRequest, context: Context
    ) -> directives_pb2.DirectiveRecord:
        """Take back one that waits: one's own, or anybody's for those who may decide."""
        record = await self._core.withdraw(calling(), _named(request.directive_id), comment=request.comment)
        return record_to_wire(record)


def _named(directive_id: str) -> str:
    if not directive_id:
        raise Invalid("directive_id is missing")
    return directive_id
