"""Directives arrive as they happen: each once, none lost, however often the connection breaks."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from tests.sentinel_sdk.conftest import QUICK
from tests.sentinel_sdk.scripted import eventually, made, then_quiet

from sentinel.v1 import quarantine_pb2
from sentinel_sdk import AuthenticationError, RetryConfig, SentinelClient, SentinelError, methods
from sentinel_sdk.directive_stream import Directives
from sentinel_sdk.retry import Reconnects
from sentinel_sdk.types import ApprovalStatus, QuarantineAction, QuarantineDirective


def directive(name, **more):
    return made(quarantine_pb2.QuarantineDirective, directive_id=name, **more)


def cut_after(server, names):
    """A ledger of directives that honours resuming, and breaks after one directive of each connection."""

    def behave(_request, context):
        metadata = dict(context.invocation_metadata())
        after = metadata.get("sentinel-resume-after")
        left = names[names.index(after) + 1 :] if after else names
        if not left:
            return
        yield directive(left[0])
        context.abort(grpc.StatusCode.UNAVAILABLE, "cut")

    server.on(methods.STREAM_DIRECTIVES, behave)


@pytest.fixture(params=["blocking", "asynchronous"])
async def listen(request, server):
    """Delivers directives to a callback until the stream ends, through the one face or the other."""
    if request.param == "blocking":
        client = SentinelClient.connect(server.endpoint, retry_config=QUICK)
        yield lambda callback, **more: asyncio.to_thread(client.stream_events, callback, **more)
        client.close()
    else:
        aclient = await SentinelClient.aconnect(server.endpoint, retry_config=QUICK)
        yield aclient.astream_events
        await aclient.aclose()


async def test_every_directive_is_delivered_and_the_server_s_end_is_the_end(server, listen):
    server.on(methods.STREAM_DIRECTIVES, lambda _request, _context: iter([directive("a", action=1), directive("b")]))
    delivered: list[Any] = []

    await listen(delivered.append)

    assert [one.directive_id for one in delivered] == ["a", "b"]
    assert delivered[0].action is QuarantineAction.QUARANTINE
    assert len(server.seen) == 1


async def test_the_filters_are_sent(server, listen):
    server.on(methods.STREAM_DIRECTIVES, lambda _request, _context: iter(()))

    await listen(print, hostname_filter="node-1", action_filter=QuarantineAction.CONDEMN)

    assert server.requests(methods.STREAM_DIRECTIVES) == [
        made(quarantine_pb2.DirectiveSubscription, hostname_filter="node-1", action_filter=3)
    ]


async def test_a_broken_stream_goes_on_after_the_last_directive(server, listen):
    cut_after(server, ["a", "b", "c"])
    delivered: list[Any] = []

    await listen(delivered.append)

    assert [one.directive_id for one in delivered] == ["a", "b", "c"]
    assert [call.metadata.get("sentinel-resume-after") for call in server.seen] == [None, "a", "b", "c"]


async def test_what_the_server_repeats_is_dropped(server, listen):
    streams = iter([["a", "b"], ["a", "b", "c"]])

    def behave(_request, context):
        names = next(streams)
        yield from map(directive, names)
        if "c" not in names:
            context.abort(grpc.StatusCode.UNAVAILABLE, "cut")

    server.on(methods.STREAM_DIRECTIVES, behave)
    delivered: list[Any] = []

    await listen(delivered.append)

    assert [one.directive_id for one in delivered] == ["a", "b", "c"]


async def test_a_directive_comes_when_it_waits_and_again_when_it_is_approved(server, listen):
    waiting, approved = directive("a", requires_approval=True), directive("a", approval={"approved": True})
    server.on(methods.STREAM_DIRECTIVES, lambda _request, _context: iter([waiting, waiting, approved, approved]))
    delivered: list[Any] = []

    await listen(delivered.append)

    assert [one.approval for one in delivered] == [None, ApprovalStatus(approved=True)]


async def test_it_reconnects_more_often_than_calls_are_repeated(server, listen):
    failures = iter(range(8))

    def behave(_request, context):
        if next(failures, None) is not None:
            context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        return iter([directive("a")])

    server.on(methods.STREAM_DIRECTIVES, behave)
    delivered: list[Any] = []

    await listen(delivered.append)

    assert [one.directive_id for one in delivered] == ["a"]


async def test_a_failure_that_lasts_is_raised(server, listen):
    server.on(methods.STREAM_DIRECTIVES, lambda _r, context: context.abort(grpc.StatusCode.PERMISSION_DENIED, "no"))

    with pytest.raises(AuthenticationError, match="no"):
        await listen(print)


async def test_an_error_of_the_callback_ends_the_stream_and_is_raised(server, listen):
    ended = threading.Event()

    def behave(_request, context):
        context.add_callback(ended.set)
        yield directive("a")
        ended.wait(10)

    server.on(methods.STREAM_DIRECTIVES, behave)

    def fail(one):
        raise LookupError(one.directive_id)

    with pytest.raises(LookupError, match="a"):
        await listen(fail)
    assert await asyncio.to_thread(ended.wait, 10)


def test_closing_from_another_thread_ends_a_quiet_stream(server, client):
    server.on(methods.STREAM_DIRECTIVES, then_quiet([directive("a")]))
    delivered: list[Any] = []
    listening = threading.Thread(target=client.stream_events, args=(delivered.append,))
    listening.start()
    assert eventually(lambda: len(delivered) == 1)

    client.close()
    listening.join(10)

    assert not listening.is_alive()


def test_closing_ends_the_wait_for_a_server_that_is_away(server):
    retry = RetryConfig(initial_backoff_s=30, max_backoff_s=60)
    client = SentinelClient.connect(server.endpoint, retry_config=retry)
    server.on(methods.STREAM_DIRECTIVES, lambda _r, context: context.abort(grpc.StatusCode.UNAVAILABLE, "down"))
    listening = threading.Thread(target=client.stream_events, args=(print,))
    listening.start()
    assert eventually(lambda: bool(server.seen))

    client.close()
    listening.join(10)

    assert not listening.is_alive()


async def test_closing_from_another_task_ends_a_quiet_stream(server, aclient):
    server.on(methods.STREAM_DIRECTIVES, then_quiet([directive("a")]))
    arrived = asyncio.Event()
    listening = asyncio.ensure_future(aclient.astream_events(lambda _one: arrived.set()))
    await arrived.wait()

    await aclient.aclose()

    assert await asyncio.wait_for(listening, 10) is None


async def test_cancelling_the_listening_task_cancels_it(server, aclient):
    server.on(methods.STREAM_DIRECTIVES, then_quiet([directive("a")]))
    arrived = asyncio.Event()
    listening = asyncio.ensure_future(aclient.astream_events(lambda _one: arrived.set()))
    await arrived.wait()

    listening.cancel()

    with pytest.raises(asyncio.CancelledError):
        await listening


async def test_a_coroutine_function_is_awaited(server, aclient):
    server.on(methods.STREAM_DIRECTIVES, lambda _request, _context: iter([directive("a"), directive("b")]))
    delivered: list[Any] = []

    async def callback(one):
        await asyncio.sleep(0)
        delivered.append(one.directive_id)

    await aclient.astream_events(callback)

    assert delivered == ["a", "b"]


async def test_a_restarted_server_is_found_again(server, client):
    server.on(methods.STREAM_DIRECTIVES, then_quiet([directive("a")]))
    delivered: list[Any] = []
    listening = threading.Thread(target=client.stream_events, args=(delivered.append,))
    listening.start()
    assert eventually(lambda: len(delivered) == 1)

    server.stop()
    server.on(methods.STREAM_DIRECTIVES, lambda _request, _context: iter([directive("b")]))
    server.start_again()
    listening.join(20)

    assert [one.directive_id for one in delivered] == ["a", "b"]
    assert server.seen[-1].metadata["sentinel-resume-after"] == "a"


def test_events_can_be_iterated_over(server, client):
    server.on(methods.STREAM_DIRECTIVES, then_quiet([directive("a"), directive("b")]))

    assert next(client.iter_events()).directive_id == "a"


async def test_events_can_be_iterated_over_asynchronously(server, aclient):
    server.on(methods.STREAM_DIRECTIVES, then_quiet([directive("a")]))

    async with aclosing(aclient.aiter_events()) as events:
        assert (await anext(events)).directive_id == "a"


async def test_without_retries_a_broken_stream_is_an_error(server):
    cut_after(server, ["a", "b"])
    client = SentinelClient.connect(server.endpoint, retry_config=RetryConfig(max_retries=0))

    with client, pytest.raises(SentinelError, match="cut"):
        client.stream_events(lambda _one: None)


class TestWaitingBetweenConnections:
    CONFIG = RetryConfig(initial_backoff_s=1, max_backoff_s=8)

    def _reconnects(self, now):
        return Reconnects(self.CONFIG, clock=lambda: now[0], chance=lambda: 0.0)

    def test_grows_while_connections_fail(self):
        reconnects = self._reconnects([0.0])

        waits = [reconnects.delay_after(grpc.StatusCode.UNAVAILABLE) for _ in range(5)]

        assert waits == [1, 2, 4, 8, 8]

    def test_starts_over_after_something_came(self):
        reconnects = self._reconnects([0.0])
        reconnects.delay_after(grpc.StatusCode.UNAVAILABLE)

        reconnects.received()

        assert reconnects.delay_after(grpc.StatusCode.UNAVAILABLE) == 1

    def test_starts_over_after_a_quiet_connection_that_lasted(self):
        now = [0.0]
        reconnects = self._reconnects(now)
        reconnects.delay_after(grpc.StatusCode.UNAVAILABLE)
        reconnects.opened()

        now[0] = 9.0

        assert reconnects.delay_after(grpc.StatusCode.UNAVAILABLE) == 1


def test_an_id_that_cannot_be_sent_is_not_asked_for():
    course = Directives()

    course.handled(QuarantineDirective(directive_id="a\nb"))

    assert course.metadata() == ()


def test_a_stream_that_lives_for_years_remembers_only_so_much():
    course = Directives()

    for number in range(10_050):
        course.handled(QuarantineDirective(directive_id=str(number)))

    assert course.metadata() == (("sentinel-resume-after", "10049"),)
    assert course.read(directive("10049")) is None
    assert course.read(directive("3")) is not None
