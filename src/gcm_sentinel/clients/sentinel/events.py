"""What happens at the gateway, event by event: the stream of ``sentinel.ext.v1.EventService`` and its messages.

The stream is opened here and not by the client library's own follower, because who watches wants to hear of every
interruption, and to decide himself when to come back. It ends by a deadline of ours, which is no failure: the next one
goes on at the same position.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from gcm_sentinel.clients.sentinel import convert
from gcm_sentinel.clients.sentinel.errors import of_code
from gcm_sentinel.domain.errors import SentinelError
from gcm_sentinel.domain.sentinel_events import Directive, Event, Happening, SharedCause

if TYPE_CHECKING:
    from sentinel.ext.v1 import events_pb2
    from sentinel_sdk import SentinelClient
    from sentinel_sdk import types as sdk
    from sentinel_sdk.types import events as sdk_events

log = structlog.get_logger(__name__)


async def follow(
    client: SentinelClient, after: int | None, *, lasting: timedelta, place: str
) -> AsyncGenerator[Event, None]:
    """What happened after the position `after`, then what happens; None for from now on, beginning with a position.

    Ends after `lasting`, or when the gateway ends it. `place` is the gateway's address, for words.

    Raises:
        Forgotten: events after that position were forgotten.
        SentinelError: the stream broke.
    """
    from sentinel.ext.v1 import events_pb2

    request = events_pb2.FollowEventsRequest(after_position=after or 0, from_now=after is None)
    async with aclosing(_messages(client, request, lasting, place)) as messages:
        async for message in messages:
            yield event(message)


async def _messages(
    client: SentinelClient, request: events_pb2.FollowEventsRequest, lasting: timedelta, place: str
) -> AsyncGenerator[events_pb2.Event, None]:
    """The stream itself: the one place that opens it."""
    import grpc

    from sentinel_sdk.methods import FOLLOW_EVENTS

    # The library's own follower comes back by itself, and so hides that the gateway was away.
    connection = client._open_awaiting("follow_events")
    incoming = connection.stream(FOLLOW_EVENTS, request, (), lasting.total_seconds())
    try:
        while (message := await connection.next_of(FOLLOW_EVENTS, incoming)) is not None:
            yield message
    except grpc.RpcError as error:
        failure = of_rpc(error, place)
        if failure is not None:
            raise failure from error
    finally:
        incoming.cancel()


def of_rpc(error: Exception, place: str) -> SentinelError | None:
    """What the end of a stream means; None for its proper end, our own deadline."""
    import grpc

    if not isinstance(error, grpc.aio.AioRpcError):
        return of_code(None, str(error), place=place)
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return None
    return of_code(error.code().name, error.details() or "", place=place)


def event(message: events_pb2.Event) -> Event:
    """One message as a value; one that no value can hold is passed over, or nothing would ever be heard after it."""
    import sentinel_sdk
    from sentinel_sdk.types.events import Event as Told

    try:
        told = Told.from_proto(message)
    except (sentinel_sdk.SentinelError, OverflowError) as error:
        log.warning("event.unreadable", position=message.position, error=str(error))
        return Event(position=message.position, at=None, what=None)
    about = convert.gpu(told.gpu) if told.gpu and told.gpu.uuid else None
    return Event(position=told.position, at=told.time, what=_what(told), gpu=about)


def _what(told: sdk_events.Event) -> Happening | None:
    if told.state is not None:
        return convert.transition(told.state)
    if told.correlation is not None:
        return convert.pattern(told.correlation)
    if told.directive is not None:
        return directive(told.directive)
    cause = told.shared_cause
    if cause is None:
        return None
    return SharedCause(
        key=cause.key,
        shared=cause.shared,
        value=cause.value,
        gpus=cause.gpus,
        of=cause.of,
        raised=cause.raised,
        description=cause.description,
    )


def directive(record: sdk.DirectiveRecord) -> Directive:
    """A directive and what became of it."""
    order = record.directive
    named = order.gpu if order and order.gpu and order.gpu.uuid else None
    return Directive(
        id=order.directive_id if order else "",
        action=order.action.name if order else "",
        status=record.status.name,
        reason=order.reason if order else "",
        issued_by=record.issued_by,
        issued_at=record.issued_at,
        expires_at=record.expires_at,
        gpu=convert.gpu(named) if named else None,
        note=record.note,
    )
