"""What is too large to be taken is never sent again, and holds up nothing else; the error says the sizes."""

from __future__ import annotations

import asyncio
import logging

import grpc
import pytest
from tests.sentinel_sdk.conftest import QUICK
from tests.sentinel_sdk.scripted import ScriptedServer, made

from sentinel.v1 import audit_pb2, correlation_pb2, probe_pb2, telemetry_pb2
from sentinel_sdk import RetryConfig, SentinelClient, SentinelError, methods
from sentinel_sdk.types import AuditEntry, GpuTelemetryReport, ProbeExecution, ProbeResultBatch, TelemetryBatch

pytestmark = pytest.mark.slow

LIMIT = 20_000
SMALL, LARGE = "x", "x" * 30_000


def stored(batches, _context):
    for one in batches:
        yield made(probe_pb2.ProbeAck, sequence_number=one.sequence_number, accepted=True)


@pytest.fixture
def server():
    server = ScriptedServer(max_receive_bytes=LIMIT)
    server.on(methods.STREAM_PROBE_RESULTS, stored)
    yield server
    server.stop()


def batch(name=SMALL):
    return ProbeResultBatch(executions=[ProbeExecution(execution_id=name)])


async def test_a_call_ends_at_once(server, ask, caplog):
    caplog.set_level(logging.INFO)
    server.answers(methods.INGEST_EVENTS, made(audit_pb2.AuditIngestResponse, success=True))
    words = rf"the message is larger than is taken: 300\d\d bytes, {LIMIT} at most"

    with pytest.raises(SentinelError, match=words) as caught:
        await ask("ingest_audit_entries", [AuditEntry(data=LARGE.encode())], "a key")

    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "rpc.retry" not in caplog.text


async def test_a_server_that_is_short_of_something_else_is_asked_again(server, ask):
    def busy_once(_request, context):
        if len(server.seen) == 1:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many waiting")
        return made(correlation_pb2.FleetHealthResponse)

    server.on(methods.QUERY_FLEET_HEALTH, busy_once)

    await ask("query_fleet_health")


async def test_an_answer_that_is_too_large_names_the_option(server):
    server.answers(methods.QUERY_GPU_HEALTH, made(correlation_pb2.HealthQueryResponse, health={"gpu": {"uuid": LARGE}}))
    options = [("grpc.max_receive_message_length", 1000)]

    with (
        SentinelClient.connect(server.endpoint, options=options, default_timeout=10) as client,
        pytest.raises(SentinelError, match="the answer is larger than this client takes .grpc.max_receive_message"),
    ):
        client.query_gpu_health("GPU-1")

    assert len(server.seen) == 1


async def test_a_batch_is_refused_with_its_size_and_the_others_flow(client, caplog):
    with client.probe_stream("node-1") as stream:
        names = [SMALL, LARGE, SMALL, SMALL, LARGE, SMALL]
        acks = await asyncio.to_thread(lambda: list(stream.send_all([batch(name) for name in names])))

    assert [(ack.sequence_number, ack.accepted) for ack in acks] == [
        (number, name == SMALL) for number, name in enumerate(names, 1)
    ]
    assert f"bytes, the server takes {LIMIT} at most; send its executions in parts" in acks[1].rejection_reason
    assert "ingest.refused method=/sentinel.v1.ProbeService/StreamProbeResults sequence_number=2" in caplog.text


async def test_who_sends_beside_a_batch_that_is_too_large_notices_nothing(aclient):
    async with aclient.aprobe_stream("node-1") as stream:
        names = [SMALL, LARGE] * 10
        acks = await asyncio.gather(*(stream.send(batch(name)) for name in names))

    assert [ack.accepted for ack in acks] == [name == SMALL for name in names]


@pytest.mark.parametrize("retry", [RetryConfig(max_retries=0), QUICK], ids=["without retries", "with some"])
async def test_the_stream_goes_on_with_its_next_batch(server, retry):
    with SentinelClient.connect(server.endpoint, retry_config=retry) as client, client.probe_stream("node-1") as stream:
        refused, taken = stream.send(batch(LARGE)), stream.send(batch())

    assert (refused.accepted, taken.accepted) == (False, True)


async def test_telemetry_has_no_room_for_the_reason_which_is_logged(server, client, caplog):
    def take(batches, _context):
        for one in batches:
            yield made(telemetry_pb2.TelemetryAck, sequence_number=one.sequence_number, accepted=True)

    server.on(methods.STREAM_TELEMETRY, take)
    large = TelemetryBatch(reports=[GpuTelemetryReport(gpu_clock_mhz=1410)] * 9_000)

    with client.telemetry_stream("node-1") as stream:
        assert not stream.send(large).accepted
        assert stream.send(TelemetryBatch(reports=[GpuTelemetryReport()])).accepted

    assert f"the server takes {LIMIT} at most; send its reports in parts" in caplog.text


async def test_where_no_limit_is_told_the_largest_batch_is_refused(server, client):
    def some_other_server(batches, context):
        for one in batches:
            if one.ByteSize() > 1000:
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Decompressed message larger than max")
            yield from stored([one], context)

    server.on(methods.STREAM_PROBE_RESULTS, some_other_server)
    with client.probe_stream("node-1") as stream:
        names = [SMALL, "y" * 2000, SMALL, "z" * 3000, SMALL]
        acks = await asyncio.to_thread(lambda: list(stream.send_all([batch(name) for name in names])))

    assert [ack.accepted for ack in acks] == [True, False, True, False, True]
    assert "bytes, more than the server takes" in acks[1].rejection_reason


def test_a_large_batch_nobody_waits_for_any_longer_harms_nobody(client):
    with client.probe_stream("node-1") as stream:
        acks = stream.send_all([batch(), batch(LARGE)])
        next(acks)
        acks.close()

        assert stream.send(batch()).accepted
