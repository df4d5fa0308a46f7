"""What a failing SM leads to, from the agent that sees it to the evidence, on both databases."""

from __future__ import annotations

import pytest
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, execution, neighbours

from sentinel.ext.v1 import events_pb2
from sentinel.v1 import audit_pb2, common_pb2, correlation_pb2, health_pb2, quarantine_pb2

QUARANTINE = 1
RESULT, ACTION = audit_pb2.AUDIT_ENTRY_TYPE_PROBE_RESULT, audit_pb2.AUDIT_ENTRY_TYPE_QUARANTINE_ACTION


@pytest.fixture
def groups(database):
    return database


async def _failed(client: Client, times: int) -> None:
    """An SM fails in so many sweeps; as the reference's agent does it, each batch comes on a stream of its own."""
    for number in range(times):
        sent = batch(execution(2, sm=7, execution_id=str(number), age_s=120 * (times - number)), sequence=number)
        ack = await client.report(sent)
        assert (ack.sequence_number, ack.accepted, ack.rejection_reason) == (number, True, "")


async def _state(client: Client) -> int:
    query = correlation_pb2.HealthQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU))
    return (await client.correlation.QueryGpuHealth(query, timeout=WITHIN_S)).health.state


@pytest.mark.parametrize(
    ("times", "state"),
    [(1, health_pb2.GPU_HEALTH_STATE_HEALTHY), (2, health_pb2.GPU_HEALTH_STATE_SUSPECT)],
    ids=["once", "twice"],
)
async def test_an_sm_that_fails_twice_makes_its_gpu_suspect(client, times, state):
    await _failed(client, times)

    assert await _state(client) == state


async def test_one_that_fails_three_times_is_taken_out_by_a_directive_of_the_gateway_that_followers_hear(client):
    followed = client.quarantine.StreamDirectives(quarantine_pb2.DirectiveSubscription(), timeout=WITHIN_S)
    await followed.initial_metadata()
    await client.report(batch(*neighbours(), sequence=8))

    await _failed(client, 3)

    heard = await followed.read()
    assert (heard.action, heard.initiated_by, heard.gpu.uuid) == (QUARANTINE, "sentinel-gateway", GPU)
    assert await _state(client) == health_pb2.GPU_HEALTH_STATE_QUARANTINED
    followed.cancel()


async def test_it_is_seen_in_the_gpus_history_and_by_whoever_follows_events(client):
    followed = client.events.FollowEvents(events_pb2.FollowEventsRequest(), timeout=WITHIN_S)
    await _failed(client, 3)

    heard = [await followed.read()]
    while heard[-1].WhichOneof("what") != "directive":
        heard.append(await followed.read())
    followed.cancel()
    request = correlation_pb2.GpuHistoryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU))
    history = await client.correlation.GetGpuHistory(request, timeout=WITHIN_S)

    positions, kinds = [one.position for one in heard], {one.WhichOneof("what") for one in heard}
    assert positions == list(range(1, len(heard) + 1))
    assert kinds == {"state", "correlation", "directive"}
    assert {one.correlation.event_id for one in heard if one.HasField("correlation")} <= {
        one.event_id for one in history.correlations
    }


async def test_all_of_it_stands_in_a_ledger_that_verifies(client):
    await _failed(client, 2)
    await client.issue(QUARANTINE)

    query = audit_pb2.AuditQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU), limit=1000)
    found = await client.audit.QueryAuditTrail(query, timeout=WITHIN_S)
    verified = await client.audit.VerifyChain(
        audit_pb2.ChainVerificationRequest(verify_merkle_roots=True), timeout=WITHIN_S
    )

    types = [entry.entry_type for entry in found.entries]
    assert (types.count(RESULT), types.count(ACTION)) == (2, 2)
    assert verified.valid, verified.failure_description
