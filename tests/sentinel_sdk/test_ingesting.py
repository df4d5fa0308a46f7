"""What is sent is stored once, whatever happens to the connection; acknowledgements come in order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from tests.sentinel_sdk.conftest import QUICK
from tests.sentinel_sdk.scripted import eventually, made, until_ended

from sentinel.v1 import anomaly_pb2, probe_pb2, telemetry_pb2
from sentinel_sdk import (
    AuthenticationError,
    ClosedError,
    DeadlineExceededError,
    InvalidArgumentError,
    RetryConfig,
    SentinelClient,
    SentinelError,
    methods,
)
from sentinel_sdk.ingest import PROBES, Sender
from sentinel_sdk.ingest_blocking import IngestStream
from sentinel_sdk.types import (
    AnomalyBatch,
    AnomalyEvent,
    GpuTelemetryReport,
    ProbeExecution,
    ProbeResultBatch,
    TelemetryBatch,
)
from sentinel_sdk.types.probe import ProbeAck


class Store:
    """A server that stores batches by number and content, and breaks connections where it is told to."""

    def __init__(self, server):
        self.stored: list[Any] = []
        self.arrived: list[int] = []
        self.breaks: Iterator[str] = iter(())
        server.on(methods.STREAM_PROBE_RESULTS, self.take)

    def take(self, batches, context):
        for batch in batches:
            self.arrived.append(batch.sequence_number)
            when = next(self.breaks, "never")
            if when == "before storing":
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            if batch not in self.stored:
                self.stored.append(batch)
            if when == "before acknowledging":
                context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            if when == "for good":
                context.abort(grpc.StatusCode.INTERNAL, "cut")
            if when == "by ending":
                return
            yield made(probe_pb2.ProbeAck, sequence_number=batch.sequence_number, accepted=True)


def batch(name="x"):
    return ProbeResultBatch(executions=[ProbeExecution(execution_id=name)])


class Blocking:
    """The blocking face as coroutines, so that one test serves both."""

    def __init__(self, stream):
        self.stream = stream

    async def send(self, one):
        return await asyncio.to_thread(self.stream.send, one)

    async def send_all(self, many, window=16):
        return await asyncio.to_thread(lambda: list(self.stream.send_all(many, window)))


class Asynchronous:
    def __init__(self, stream):
        self.stream = stream

    async def send(self, one):
        return await self.stream.send(one)

    async def send_all(self, many, window=16):
        return [ack async for ack in self.stream.send_all(many, window)]


@pytest.fixture(params=["blocking", "asynchronous"])
async def probes(request, server):
    how: dict[str, Any] = {"retry_config": QUICK, "default_timeout": 10}
    if request.param == "blocking":
        with SentinelClient.connect(server.endpoint, **how) as client, client.probe_stream("node-1") as stream:
            yield Blocking(stream)
    else:
        client = await SentinelClient.aconnect(server.endpoint, **how)
        async with client, client.aprobe_stream("node-1") as stream:
            yield Asynchronous(stream)


async def test_batches_are_numbered_named_and_timed(server, probes):
    store = Store(server)

    acks = [await probes.send(batch("a")), await probes.send(batch("b"))]

    assert [(ack.sequence_number, ack.accepted) for ack in acks] == [(1, True), (2, True)]
    assert [one.agent_hostname for one in store.stored] == ["node-1", "node-1"]
    assert abs(store.stored[0].batch_timestamp.seconds - datetime.now(UTC).timestamp()) < 60


async def test_a_list_is_sent_as_a_batch_of_its_own(server, probes):
    store = Store(server)

    acks = [await probes.send([ProbeExecution(execution_id=name)]) for name in ("a", "b")]

    assert [ack.sequence_number for ack in acks] == [1, 2]
    assert [[run.execution_id for run in one.executions] for one in store.stored] == [["a"], ["b"]]


async def test_what_a_batch_already_has_stays(server, probes):
    store = Store(server)
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    await probes.send(
        ProbeResultBatch(
            agent_hostname="other", sequence_number=41, batch_timestamp=moment, executions=[ProbeExecution()]
        )
    )
    await probes.send(batch())

    assert [(one.agent_hostname, one.sequence_number) for one in store.stored] == [("other", 41), ("node-1", 42)]
    assert store.stored[0].batch_timestamp.seconds == moment.timestamp()


async def test_one_connection_serves_many_batches(server, probes):
    Store(server)

    for _ in range(5):
        await probes.send(batch())

    assert len(server.seen) == 1


async def test_many_batches_are_under_way_at_once_and_acknowledged_in_order(server, probes):
    store = Store(server)

    acks = await probes.send_all([batch(str(number)) for number in range(50)], window=8)

    assert [ack.sequence_number for ack in acks] == list(range(1, 51))
    assert len(store.stored) == 50


@pytest.mark.parametrize("when", ["before storing", "before acknowledging", "by ending"])
async def test_a_broken_connection_loses_nothing_and_repeats_nothing(server, probes, when):
    store = Store(server)
    store.breaks = iter(["never", when, "never", "never", when])

    acks = await probes.send_all([batch(str(number)) for number in range(10)], window=4)

    assert [ack.sequence_number for ack in acks] == list(range(1, 11))
    assert [one.sequence_number for one in store.stored] == list(range(1, 11))
    assert len(store.arrived) > 10


async def test_a_refused_batch_is_answered_and_is_no_error(server, probes):
    def refuse(batches, _context):
        for one in batches:
            yield made(probe_pb2.ProbeAck, sequence_number=one.sequence_number, rejection_reason="too old")

    server.on(methods.STREAM_PROBE_RESULTS, refuse)

    ack = await probes.send(batch())

    assert (ack.accepted, ack.rejection_reason) == (False, "too old")


async def test_acknowledgements_in_another_order_reach_the_right_batches(server, probes):
    def reversed_pairs(batches, _context):
        for first, second in zip(batches, batches, strict=False):
            yield made(probe_pb2.ProbeAck, sequence_number=second.sequence_number, rejection_reason="second")
            yield made(probe_pb2.ProbeAck, sequence_number=99)
            yield made(probe_pb2.ProbeAck, sequence_number=first.sequence_number, rejection_reason="first")

    server.on(methods.STREAM_PROBE_RESULTS, reversed_pairs)

    acks = await probes.send_all([batch("a"), batch("b")])

    assert [ack.rejection_reason for ack in acks] == ["first", "second"]


async def test_a_batch_no_message_can_hold_is_an_error_of_ours(probes):
    with pytest.raises(InvalidArgumentError):
        await probes.send(ProbeResultBatch(executions=[ProbeExecution(execution_time_ns=-1)]))


async def test_a_failure_that_lasts_is_raised_at_once(server, probes):
    def refuse(_batches, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "agents only")
        yield

    server.on(methods.STREAM_PROBE_RESULTS, refuse)

    with pytest.raises(AuthenticationError, match="agents only"):
        await probes.send(batch())


async def test_after_an_error_the_same_batch_can_be_sent_again(server, probes):
    store = Store(server)
    store.breaks = iter(["for good"])
    one = batch()

    with pytest.raises(SentinelError, match="cut"):
        await probes.send(one)
    ack = await probes.send(one)

    assert ack.accepted
    assert len(store.stored) == 1
    assert set(store.arrived) == {1}


async def test_a_connection_without_acknowledgements_is_made_anew(server):
    store, silences = Store(server), iter(range(2))

    def silent_first(batches, context):
        if next(silences, None) is not None:
            yield from until_ended(context)
        yield from store.take(batches, context)

    server.on(methods.STREAM_PROBE_RESULTS, silent_first)

    with (
        SentinelClient.connect(server.endpoint, retry_config=QUICK, default_timeout=0.2) as client,
        client.probe_stream("node-1") as stream,
    ):
        assert stream.send(batch()).accepted

    assert len(server.seen) == 3


async def test_without_retries_no_acknowledgement_in_time_is_an_error(server):
    def silent(_batches, context):
        yield from until_ended(context)

    server.on(methods.STREAM_PROBE_RESULTS, silent)
    client = SentinelClient.connect(server.endpoint, retry_config=RetryConfig(max_retries=0), default_timeout=0.2)

    with (
        client,
        client.probe_stream("node-1") as stream,
        pytest.raises(DeadlineExceededError, match="no acknowledgement"),
    ):
        stream.send(batch())


async def test_a_stream_connects_again_without_end(server, probes):
    store = Store(server)
    store.breaks = iter(["before storing"] * 12)

    assert (await probes.send(batch())).accepted

    assert store.arrived == [1] * 13


async def test_a_full_stream_waits_until_something_is_acknowledged(server, client, aclient):
    store = Store(server)

    with client.probe_stream("node-1", max_unacknowledged=2) as stream:
        acks = list(stream.send_all([batch(str(number)) for number in range(10)], window=8))
    async with aclient.aprobe_stream("node-1", max_unacknowledged=1) as astream:
        acks += await asyncio.gather(*(astream.send(batch(f"a{number}")) for number in range(5)))

    assert [ack.sequence_number for ack in acks] == [*range(1, 11), *range(1, 6)]
    assert len(store.stored) == 15


async def test_a_full_stream_sends_no_more(server, client):
    arrived, release = [], threading.Event()

    def hold(batches, _context):
        for one in batches:
            arrived.append(one.sequence_number)
            if len(arrived) == 2:
                release.wait(10)
            yield made(probe_pb2.ProbeAck, sequence_number=one.sequence_number, accepted=True)

    server.on(methods.STREAM_PROBE_RESULTS, hold)
    with client.probe_stream("node-1", max_unacknowledged=2) as stream:
        left = [batch(name) for name in "abcdef"]
        batches = iter(lambda: left.pop() if left else None, None)
        sending = asyncio.ensure_future(asyncio.to_thread(lambda: list(stream.send_all(batches))))
        assert await asyncio.to_thread(eventually, lambda: (len(arrived), len(left)) == (2, 2))
        release.set()
        assert len(await sending) == 6


def test_a_stream_keeps_at_least_one_batch(client):
    with pytest.raises(InvalidArgumentError, match="max_unacknowledged must be 1 or more"):
        client.probe_stream("node-1", max_unacknowledged=0)


async def test_closing_a_stream_ends_a_send_that_waits_for_a_server_that_is_away(server):
    slow = RetryConfig(initial_backoff_s=30, max_backoff_s=60)
    Store(server).breaks = iter(["before storing"] * 9)
    with SentinelClient.connect(server.endpoint, retry_config=slow) as client:
        stream = client.probe_stream("node-1")
        sending = asyncio.ensure_future(asyncio.to_thread(stream.send, batch()))
        assert await asyncio.to_thread(eventually, lambda: bool(server.seen))

        await asyncio.to_thread(stream.close)

        with pytest.raises(ClosedError, match="the stream is closed"):
            await sending


@pytest.mark.parametrize("what", ["stream", "client"])
async def test_closing_ends_a_send_that_waits_for_a_silent_server(server, what):
    def silent(_batches, context):
        yield from until_ended(context)

    server.on(methods.STREAM_PROBE_RESULTS, silent)
    client, aclient = SentinelClient.connect(server.endpoint), await SentinelClient.aconnect(server.endpoint)
    stream, astream = client.probe_stream("node-1"), aclient.aprobe_stream("node-1")
    sending = asyncio.ensure_future(asyncio.to_thread(stream.send, batch()))
    asending = asyncio.ensure_future(astream.send(batch()))
    assert await asyncio.to_thread(eventually, lambda: len(server.seen) == 2)

    await asyncio.to_thread(stream.close if what == "stream" else client.close)
    await (astream.close() if what == "stream" else aclient.aclose())

    for task in (sending, asending):
        with pytest.raises(ClosedError, match=f"(?i)the stream is closed|{what} is closed"):
            await asyncio.wait_for(task, 10)
    client.close()
    await aclient.aclose()


class Overtaken(IngestStream[ProbeResultBatch, ProbeAck]):
    """A stream from which another thread disconnects between the moment `close` looks and the moment it acts."""

    seen: Any = None
    by: threading.Thread | None = None

    @property
    def _conversation(self):
        now = self.seen
        if now is not None and self._ended.is_set() and self.by is None:
            self.by = threading.Thread(target=self._disconnect)
            self.by.start()
            self.by.join(10)
        return now

    @_conversation.setter
    def _conversation(self, value):
        self.seen = value


def test_closing_a_stream_from_which_another_thread_disconnects(server, client):
    Store(server)
    connection, sender = client._open_blocking("test"), Sender("node-1", lambda: datetime.now(UTC), 8)
    stream = Overtaken(connection, client.policy, PROBES, sender)
    stream.send(batch())

    stream.close()

    assert stream.by is not None
    with pytest.raises(ClosedError):
        stream.send(batch())


async def test_a_closed_stream_takes_nothing_more(server, client):
    Store(server)
    stream = client.probe_stream("node-1")
    stream.send(batch())
    stream.close()

    with pytest.raises(ClosedError, match="the stream is closed"):
        stream.send(batch())


async def test_a_cancelled_send_leaves_the_stream_usable(server):
    store = Store(server)
    hold = asyncio.Event()

    def silent(_batches, context):
        hold_loop.call_soon_threadsafe(hold.set)
        yield from until_ended(context)

    hold_loop = asyncio.get_running_loop()
    server.on(methods.STREAM_PROBE_RESULTS, silent)
    client = await SentinelClient.aconnect(server.endpoint, retry_config=QUICK)
    async with client, client.aprobe_stream("node-1") as stream:
        sending = asyncio.ensure_future(stream.send(batch("a")))
        await hold.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        server.on(methods.STREAM_PROBE_RESULTS, store.take)

        ack = await stream.send(batch("b"))

    assert (ack.sequence_number, ack.accepted) == (2, True)


async def test_a_closed_client_ends_its_streams(server, client):
    Store(server)
    with client.probe_stream("node-1") as stream:
        stream.send(batch())
        client.close()

        with pytest.raises(SentinelError, match="Client is closed"):
            stream.send(batch())


async def test_several_threads_may_share_a_stream(server, client):
    store = Store(server)

    with client.probe_stream("node-1") as stream:
        acks = await asyncio.gather(*(asyncio.to_thread(stream.send, batch(str(number))) for number in range(8)))

    assert sorted(ack.sequence_number for ack in acks) == list(range(1, 9))
    assert len(store.stored) == 8


async def test_anomalies(server, client, aclient):
    def take(batches, _context):
        for one in batches:
            yield made(
                anomaly_pb2.AnomalyAck, sequence_number=one.sequence_number, rejection_reason=one.source_hostname
            )

    server.on(methods.STREAM_ANOMALY_EVENTS, take)
    one = AnomalyBatch(events=[AnomalyEvent(event_id="e", metadata={"rank": "3"})])

    with client.anomaly_stream("node-1") as stream:
        assert stream.send(one).rejection_reason == "node-1"
    async with aclient.aanomaly_stream("node-2") as astream:
        assert (await astream.send(AnomalyBatch(events=one.events))).rejection_reason == "node-2"


async def test_telemetry(server, client, aclient):
    def take(batches, _context):
        for one in batches:
            yield made(
                telemetry_pb2.TelemetryAck, sequence_number=one.sequence_number, accepted=bool(one.agent_hostname)
            )

    server.on(methods.STREAM_TELEMETRY, take)

    with client.telemetry_stream("node-1") as stream:
        assert stream.send(TelemetryBatch(reports=[GpuTelemetryReport(gpu_clock_mhz=1410)])).accepted
    async with aclient.atelemetry_stream("node-1") as astream:
        assert (await astream.send(TelemetryBatch(reports=[GpuTelemetryReport()]))).accepted


async def test_without_retries_a_broken_connection_is_an_error(server):
    Store(server).breaks = iter(["before storing"])
    client = SentinelClient.connect(server.endpoint, retry_config=RetryConfig(max_retries=0))

    with client, client.probe_stream("node-1") as stream, pytest.raises(SentinelError, match="cut"):
        stream.send(batch())
