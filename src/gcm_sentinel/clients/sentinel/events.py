"""What happens at the gateway, event by event: the stream of ``sentinel.ext.v1.EventService`` and its messages.

One connection is followed at a time, because who watches wants to hear of every interruption, and to decide himself
when to come back. It ends by a deadline of ours, which is no failure: the next one goes on at the same position.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING

from gcm_sentinel.clients.sentinel import convert
from gcm_sentinel.clients.sentinel.errors import of_sdk
from gcm_sentinel.domain.sentinel_events import Directive, Event, Happening, SharedCause

if TYPE_CHECKING:
    from sentinel_sdk import SentinelClient
    from sentinel_sdk import types as sdk
    from sentinel_sdk.types import events as sdk_events


async def follow(
    client: SentinelClient, after: int | None, *, lasting: timedelta, place: str
) -> AsyncGenerator[Event, None]:
    """What happened after the position `after`, then what happens; None for from now on, beginning with a position.

    Ends after `lasting`, or when the gateway ends it. `place` is the gateway's address, for words.

    Raises:
        Forgotten: events after that position were forgotten.
        SentinelError: the stream broke.
    """
    import sentinel_sdk

    stream = client.afollow_events(after_position=after or 0, from_now=after is None, lasting=lasting.total_seconds())
    try:
        async with aclosing(stream) as told:
            async for one in told:
                yield event(one)
    except sentinel_sdk.SentinelError as error:
        raise of_sdk(error, place=place) from error


def event(told: sdk_events.Event) -> Event:
    """One event as a value."""
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
        probe_types=tuple(kind.name for kind in cause.probe_types),
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
