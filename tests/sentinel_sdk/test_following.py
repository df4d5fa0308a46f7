"""Events and canaries are followed without end: over every restart, and what was not handled comes again."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from tests.sentinel_sdk.conftest import QUICK
from tests.sentinel_sdk.scripted import eventually, made, then_quiet

from sentinel.ext.v1 import events_pb2, tmr_pb2
from sentinel.v1 import trust_pb2
from sentinel_sdk import InvalidArgumentError, OutOfRangeError, RetryConfig, SentinelClient, SentinelError, methods
from sentinel_sdk.types import (
    CorrelationEvent,
    DirectiveRecord,
    Event,
    GpuHealthState,
    ProbeType,
    SharedCause,
    StateTransition,
)

pytestmark = pytest.mark.slow

Heard = Callable[..., Awaitable[list[Event]]]


def event(position, **what):
    return made(events_pb2.Event, position=position, **(what or {"state": {"to_state": 2}}))


def history(server, last, *, cut_every=2, end=grpc.StatusCode.UNAVAILABLE):
    """Events up to position `last`, of which each connection delivers a few before it breaks or is ended."""

    def behave(request, context):
        first = request.after_position + 1
        yield from map(event, range(first, min(first + cut_every, last + 1)))
        if first + cut_every <= last:
            if end is not None:
                context.abort(end, "cut")
            return
        yield from then_quiet(())(request, context)

    server.on(methods.FOLLOW_EVENTS, behave)


@pytest.fixture(params=["blocking", "asynchronous"])
async def hear(request, server):
    """Follows events until so many were handled, through the one face or the other."""
    if request.param == "blocking":
        client = SentinelClient.connect(server.endpoint, retry_config=QUICK)

        async def taken(count, **more):
            events = client.follow_events(**more)
            return [next(events) for _ in range(count)]

        yield taken
        client.close()
    else:
        aclient = await SentinelClient.aconnect(server.endpoint, retry_config=QUICK)

        async def ataken(count, **more):
            async with aclosing(aclient.afollow_events(**more)) as events:
                return [await anext(events) for _ in range(count)]

        yield ataken
        await aclient.aclose()


@pytest.mark.parametrize("end", [grpc.StatusCode.UNAVAILABLE, None], ids=["broken", "ended by the server"])
async def test_it_goes_on_after_the_last_event_over_every_interruption(server, hear: Heard, end):
    history(server, 7, end=end)

    heard = await hear(7)

    assert [one.position for one in heard] == [1, 2, 3, 4, 5, 6, 7]
    assert [one.after_position for one in server.requests(methods.FOLLOW_EVENTS)] == [0, 2, 4, 6]


async def test_it_begins_after_the_position_it_is_given(server, hear: Heard):
    history(server, 9)

    assert [one.position for one in await hear(3, after_position=6, hostname="node-1")] == [7, 8, 9]
    assert {one.hostname for one in server.requests(methods.FOLLOW_EVENTS)} == {"node-1"}


async def test_from_now_is_asked_for_until_there_is_a_position(server, hear: Heard):
    connections = iter(range(3))

    def behave(request, context):
        if next(connections) == 1:
            yield made(events_pb2.Event, position=41)
        elif not request.from_now:
            yield from then_quiet([event(42)])(request, context)
        context.abort(grpc.StatusCode.UNAVAILABLE, "cut")

    server.on(methods.FOLLOW_EVENTS, behave)

    first, second = await hear(2, from_now=True)

    assert (first.position, first.what, second.position) == (41, None, 42)
    asked = [(one.from_now, one.after_position) for one in server.requests(methods.FOLLOW_EVENTS)]
    assert asked == [(True, 0), (True, 0), (False, 41)]


async def test_what_happened_is_told_by_its_type(server, hear: Heard):
    kinds: dict[str, Any] = {
        "state": {"to_state": 2}, "correlation": {"event_id": "c"}, "directive": {"note": "n"},
        "shared_cause": {"key": "k", "of": 5, "probe_types": [2]},
    }  # fmt: skip
    told = [event(number, **{kind: fields}) for number, (kind, fields) in enumerate(kinds.items(), start=1)]
    server.on(methods.FOLLOW_EVENTS, then_quiet(told))

    heard = [one.what for one in await hear(4)]

    expected = [
        StateTransition(to_state=GpuHealthState.SUSPECT), CorrelationEvent(event_id="c"), DirectiveRecord(note="n"),
        SharedCause(key="k", of=5, probe_types=[ProbeType.TENSOR_CORE]),
    ]  # fmt: skip
    assert heard == expected


async def test_events_that_were_forgotten_are_an_error_of_their_own(server, hear: Heard):
    server.on(methods.FOLLOW_EVENTS, lambda _r, context: context.abort(grpc.StatusCode.OUT_OF_RANGE, "forgotten"))

    with pytest.raises(OutOfRangeError, match="forgotten"):
        await hear(1, after_position=3)


@pytest.mark.parametrize("argument", [{"after_position": -1}, {"after_position": "3"}, {"hostname": 7}])
async def test_what_cannot_be_asked_is_refused_before_anything_is_sent(server, hear: Heard, argument):
    with pytest.raises(InvalidArgumentError):
        await hear(1, **argument)
    assert server.seen == []


async def test_what_was_not_come_back_from_is_delivered_again(server, aclient):
    history(server, 3)
    events = aclient.afollow_events()
    first = await anext(events)
    await events.aclose()

    async with aclosing(aclient.afollow_events(after_position=first.position - 1)) as again:
        assert (await anext(again)).position == first.position


def test_a_restarted_server_is_found_again(server, client):
    server.on(methods.FOLLOW_EVENTS, then_quiet([event(1)]))
    positions: list[int] = []
    listening = threading.Thread(target=lambda: positions.extend(one.position for one in client.follow_events()))
    listening.start()
    assert eventually(lambda: bool(server.seen))

    server.stop()
    server.on(methods.FOLLOW_EVENTS, then_quiet([event(2)]))
    server.start_again()
    assert eventually(lambda: len(server.seen) > 1, 20)
    client.close()
    listening.join(10)

    assert not listening.is_alive()
    assert positions[0] == 1
    assert server.requests(methods.FOLLOW_EVENTS)[-1].after_position == 1


def test_without_retries_the_end_of_a_stream_is_an_error(server):
    server.on(methods.FOLLOW_EVENTS, lambda _request, _context: iter([event(1)]))
    with SentinelClient.connect(server.endpoint, retry_config=RetryConfig(max_retries=0)) as client:
        events = client.follow_events()
        assert next(events).position == 1
        with pytest.raises(SentinelError, match="ended the stream"):
            next(events)


async def test_canaries_come_as_they_are_scheduled_and_over_restarts(server, client, aclient):
    names = iter("abcd")
    server.on(methods.FOLLOW_CANARIES, lambda _r, _c: iter([made(trust_pb2.TmrRequest, canary_id=next(names))]))

    blocking = client.follow_canaries("node-1")
    assert [next(blocking).canary_id for _ in range(2)] == ["a", "b"]
    blocking.close()
    asynchronous: AsyncGenerator[Any] = aclient.afollow_canaries("node-1")
    async with aclosing(asynchronous):
        assert [(await anext(asynchronous)).canary_id for _ in range(2)] == ["c", "d"]
    assert server.requests(methods.FOLLOW_CANARIES) == [made(tmr_pb2.FollowCanariesRequest, hostname="node-1")] * 4


@pytest.mark.parametrize("end", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED])
async def test_over_one_connection_its_break_is_an_error(server, hear, end):
    history(server, 9, end=end)

    with pytest.raises(SentinelError, match="cut") as caught:
        await hear(3, lasting=20)

    assert caught.value.code is end
    assert len(server.requests(methods.FOLLOW_EVENTS)) == 1


async def test_over_one_connection_it_ends_when_its_time_is_over(server):
    server.on(methods.FOLLOW_EVENTS, then_quiet([event(1)]))

    with SentinelClient.connect(server.endpoint, retry_config=QUICK) as client:
        heard = [one.position for one in client.follow_events(lasting=0.5)]
    async with await SentinelClient.aconnect(server.endpoint, retry_config=QUICK) as aclient:
        aheard = [one.position async for one in aclient.afollow_events(lasting=0.5)]

    assert (heard, aheard) == ([1], [1])


async def test_a_quiet_connection_lasts_where_the_server_said_that_it_is_open(server):
    def behave(request, context):
        context.send_initial_metadata((("sentinel-stream", "open"),))
        yield from then_quiet(())(request, context)

    server.on(methods.FOLLOW_EVENTS, behave)

    with SentinelClient.connect(server.endpoint, retry_config=QUICK) as client:
        assert list(client.follow_events(lasting=0.5)) == []
    async with await SentinelClient.aconnect(server.endpoint, retry_config=QUICK) as aclient:
        assert [one async for one in aclient.afollow_events(lasting=0.5)] == []


async def test_where_nothing_ever_answered_the_end_of_the_time_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        with SentinelClient.connect(endpoint, retry_config=QUICK) as client, pytest.raises(SentinelError):
            list(client.follow_events(lasting=0.3))
        async with await SentinelClient.aconnect(endpoint, retry_config=QUICK) as aclient:
            with pytest.raises(SentinelError):
                [one async for one in aclient.afollow_events(lasting=0.3)]


@pytest.mark.parametrize("lasting", [0, -1.0, float("nan"), float("inf")])
async def test_what_is_to_last_lasts_for_some_time(server, client, aclient, lasting):
    with pytest.raises(InvalidArgumentError, match="lasting"):
        client.follow_events(lasting=lasting)
    with pytest.raises(InvalidArgumentError, match="lasting"):
        aclient.afollow_events(lasting=lasting)
    assert server.seen == []


async def test_an_event_that_no_value_can_hold_is_told_by_its_position(server, hear):
    server.on(methods.FOLLOW_EVENTS, then_quiet([event(1, time={"seconds": 10**12}), event(2)]))

    unreadable, following = await hear(2)

    assert unreadable == Event(position=1)
    assert following.state is not None
