"""Following what happens at the gateway: `sentinel.ext.v1.EventService`.

The position of a message is where its follower goes on after an interruption, so the first one to a follower from now
on carries a position alone: it may be cut off before anything happens.
"""

# ruff: noqa: N802  methods are named as on the wire

from __future__ import annotations

from collections.abc import AsyncIterator

from sentinel.ext.v1 import events_pb2, events_pb2_grpc
from sentinel_gateway.core.core import Core
from sentinel_gateway.services.authentication import Context
from sentinel_gateway.services.event_messages import event_to_wire, shared_cause
from sentinel_gateway.services.following import following


class EventService(events_pb2_grpc.EventServiceServicer):
    """`sentinel.ext.v1.EventService`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def FollowEvents(
        self, request: events_pb2.FollowEventsRequest, context: Context
    ) -> AsyncIterator[events_pb2.Event]:
        """What happened after a position, then what happens."""
        followed = self._core.follow_events(
            request.after_position, from_now=request.from_now, hostname=request.hostname
        )
        async with following(followed, context) as events:
            async for event in events:
                yield event_to_wire(event)

    async def ListSharedCauses(
        self, request: events_pb2.ListSharedCausesRequest, context: Context
    ) -> events_pb2.ListSharedCausesResponse:
        """The causes that stand raised now."""
        return events_pb2.ListSharedCausesResponse(causes=map(shared_cause, self._core.shared_causes()))
