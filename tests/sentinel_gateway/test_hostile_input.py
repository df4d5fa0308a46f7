"""Broken, hostile and merely old clients: each gets the status that fits, and the gateway goes on."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import pytest
from tests.sentinel_gateway.driving import (
    GPU,
    WITHIN_S,
    batch,
    code_of,
    directive,
    execution,
    refusal_of,
)

from sentinel.v1 import audit_pb2, common_pb2, correlation_pb2, probe_pb2, quarantine_pb2

pytestmark = pytest.mark.slow

INVALID, MISSING = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
QUARANTINE, REINSTATE, DEEP_TEST = 1, 2, 4
UNKNOWN: Any = 99


async def _query(client, uuid: str = GPU):
    return client.correlation.QueryGpuHealth(
        correlation_pb2.HealthQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=uuid)), timeout=WITHIN_S
    )


async def test_a_message_of_100_mib_is_refused_and_the_gateway_lives(client):
    call = client.probes.StreamProbeResults(timeout=WITHIN_S)
    huge = probe_pb2.ProbeResultBatch(agent_hostname="x" * (100 << 20))

    await call.write(huge)
    assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await client.report(batch())).accepted


async def test_huge_metadata_are_refused_and_the_gateway_lives(client):
    call = client.channel.unary_unary("/sentinel.v1.CorrelationService/QueryFleetHealth")

    code = await code_of(call(b"", metadata=(("x-huge", "x" * 100_000),), timeout=WITHIN_S))
    assert code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL)
    assert (await client.report(batch())).accepted


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + bytes(500), bytes(range(256)) * 40])
async def test_garbage_on_the_port_disturbs_nobody(gateway, client, words):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.grpc_port)

    writer.write(words)
    await asyncio.wait_for(reader.read(), WITHIN_S)
    writer.close()

    assert (await client.report(batch())).accepted


@pytest.mark.parametrize(
    "sent",
    [
        probe_pb2.ProbeResultBatch(executions=[execution()]),
        probe_pb2.ProbeResultBatch(agent_hostname="node-1"),
    ],
    ids=["no hostname", "no executions"],
)
async def test_a_batch_that_is_none_ends_the_stream(client, sent):
    call = client.probes.StreamProbeResults(timeout=WITHIN_S)

    await call.write(sent)
    assert await call.code() is INVALID


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"result": 99}, "99"),
        ({"probe_type": 99}, "99"),
        ({"age_s": -400}, "future"),
        ({"age_s": 25 * 3600}, "old"),
    ],
    ids=["unknown result", "unknown type", "clock 400 s ahead", "25 hours old"],
)
async def test_one_bad_execution_does_not_lose_the_good_ones(client, bad, words):
    ack = await client.report(batch(execution(**bad), execution(execution_id="2")))

    assert ack.accepted
    assert words in ack.rejection_reason
    assert (await (await _query(client))).health.probe_pass_count == 1


async def test_a_batch_seen_before_is_acknowledged_and_counted_once(client):
    sent = batch()

    acks = [await client.report(sent), await client.report(sent)]
    assert [ack.accepted for ack in acks] == [True, True]
    assert (await (await _query(client))).health.probe_pass_count == 1


async def test_the_same_number_with_other_content_is_taken(client):
    await client.report(batch(execution(execution_id="1")))
    await client.report(batch(execution(execution_id="2")))

    assert (await (await _query(client))).health.probe_pass_count == 2


@pytest.mark.parametrize(("uuid", "code"), [("", INVALID), ("gpu 7", INVALID), ("GPU-never-heard-of", MISSING)])
async def test_a_gpu_nobody_knows(client, uuid, code):
    assert await code_of(await _query(client, uuid)) is code
    wanted = directive(QUARANTINE, gpu=common_pb2.GpuIdentifier(uuid=uuid))
    assert await code_of(client.quarantine.IssueDirective(wanted, timeout=WITHIN_S)) is code


async def test_an_unknown_action_is_named(client):
    await client.report(batch())

    code, words = await refusal_of(client.issue(99))
    assert code is INVALID
    assert "99" in words


async def test_an_illegal_transition_says_what_is_allowed(client):
    await client.report(batch())

    code, words = await refusal_of(client.issue(DEEP_TEST))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "HEALTHY" in words
    assert "QUARANTINE" in words


async def test_an_id_used_for_something_else_is_refused(client):
    await client.report(batch())
    await client.issue(QUARANTINE, directive_id="one")

    assert await code_of(client.issue(REINSTATE, directive_id="one")) is grpc.StatusCode.ALREADY_EXISTS


async def test_a_time_no_database_keeps_is_refused(client):
    await client.report(batch())
    wanted = directive(QUARANTINE)
    wanted.timestamp.seconds = 1 << 62

    assert await code_of(client.quarantine.IssueDirective(wanted, timeout=WITHIN_S)) is INVALID


async def test_an_unknown_state_in_a_filter_is_refused(client):
    request = correlation_pb2.FleetHealthRequest(state_filter=[UNKNOWN])

    assert await code_of(client.correlation.QueryFleetHealth(request, timeout=WITHIN_S)) is INVALID


@pytest.mark.parametrize(
    "subscription", [quarantine_pb2.DirectiveSubscription(action_filter=UNKNOWN)], ids=["unknown action"]
)
async def test_a_subscription_that_cannot_be_is_refused(client, subscription):
    call = client.quarantine.StreamDirectives(subscription, timeout=WITHIN_S)

    assert await call.code() is INVALID


async def test_resuming_after_a_directive_nobody_knows_is_not_found(client):
    call = client.quarantine.StreamDirectives(
        quarantine_pb2.DirectiveSubscription(), metadata=(("sentinel-resume-after", "none"),), timeout=WITHIN_S
    )

    assert await call.code() is MISSING


@pytest.mark.parametrize(
    ("limit", "token", "entry_type"), [(1, "nonsense", 0), (1001, "", 0), (1, "", 99)],
    ids=["token", "limit", "type"],
)  # fmt: skip
async def test_a_query_of_the_ledger_that_cannot_be_is_refused(client, limit, token, entry_type):
    request = audit_pb2.AuditQueryRequest(limit=limit, page_token=token, entry_type=entry_type)

    assert await code_of(client.audit.QueryAuditTrail(request, timeout=WITHIN_S)) is INVALID


async def test_a_page_token_of_another_query_is_refused(client):
    for number in range(3):
        await client.report(batch(execution(2, execution_id=str(number)), sequence=number))
    first = await client.audit.QueryAuditTrail(audit_pb2.AuditQueryRequest(limit=1), timeout=WITHIN_S)

    other = audit_pb2.AuditQueryRequest(limit=1, descending=True, page_token=first.next_page_token)
    assert await code_of(client.audit.QueryAuditTrail(other, timeout=WITHIN_S)) is INVALID


async def test_a_window_that_ends_in_the_year_9999_is_answered(client):
    await client.report(batch())
    request = correlation_pb2.GpuHistoryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU))
    request.end_time.seconds = 253402300799

    history = await client.correlation.GetGpuHistory(request, timeout=WITHIN_S)
    assert history.reliability_history


async def test_a_deadline_that_has_passed_stores_nothing_halfway(client):
    await client.report(batch())

    await code_of(client.quarantine.IssueDirective(directive(QUARANTINE, directive_id="late"), timeout=1e-6))

    state = (await client.issue(QUARANTINE, directive_id="late")).resulting_state
    assert state == "QUARANTINED"


async def test_many_short_streams_lose_nothing(client):
    began = time.monotonic()

    acks = await asyncio.gather(
        *(client.report(batch(execution(execution_id=str(number)), host=f"node-{number}")) for number in range(50))
    )

    assert all(ack.accepted for ack in acks)
    assert (await (await _query(client))).health.probe_pass_count == 50
    assert time.monotonic() - began < WITHIN_S
