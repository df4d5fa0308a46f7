"""What a failing SM leads to, from the agent that sees it to the evidence, on both databases."""

from __future__ import annotations

import pytest
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, directive, execution

from sentinel.v1 import audit_pb2, common_pb2, correlation_pb2, health_pb2, quarantine_pb2

QUARANTINE = 1
RESULT, ACTION = audit_pb2.AUDIT_ENTRY_TYPE_PROBE_RESULT, audit_pb2.AUDIT_ENTRY_TYPE_QUARANTINE_ACTION


@pytest.fixture
def groups(database):
    return database


async def _failed_three_times(client: Client) -> None:
    """An SM fails in three sweeps; as the reference's agent does it, each batch comes on a stream of its own."""
    for number in range(3):
        sent = batch(execution(2, sm=7, execution_id=str(number), age_s=120 * (3 - number)), sequence=number)
        ack = await client.report(sent)
        assert (ack.sequence_number, ack.accepted, ack.rejection_reason) == (number, True, "")


async def _state(client: Client) -> int:
    query = correlation_pb2.HealthQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU))
    return (await client.correlation.QueryGpuHealth(query, timeout=WITHIN_S)).health.state


async def test_failures_are_acknowledged_and_make_a_gpu_suspect(client):
    await client.report(batch())
    assert await _state(client) == health_pb2.GPU_HEALTH_STATE_HEALTHY

    await _failed_three_times(client)

    assert await _state(client) == health_pb2.GPU_HEALTH_STATE_SUSPECT


async def test_the_directive_that_follows_is_heard_and_changes_the_state(client):
    await _failed_three_times(client)
    followed = client.quarantine.StreamDirectives(quarantine_pb2.DirectiveSubscription(), timeout=WITHIN_S)
    await followed.initial_metadata()

    await client.quarantine.IssueDirective(directive(QUARANTINE, directive_id="d"), timeout=WITHIN_S)

    assert (await followed.read()).directive_id == "d"
    assert await _state(client) == health_pb2.GPU_HEALTH_STATE_QUARANTINED
    followed.cancel()


async def test_all_of_it_stands_in_a_ledger_that_verifies(client):
    await _failed_three_times(client)
    await client.issue(QUARANTINE)

    query = audit_pb2.AuditQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU), limit=1000)
    found = await client.audit.QueryAuditTrail(query, timeout=WITHIN_S)
    verified = await client.audit.VerifyChain(
        audit_pb2.ChainVerificationRequest(verify_merkle_roots=True), timeout=WITHIN_S
    )

    assert [entry.entry_type for entry in found.entries] == [RESULT, RESULT, RESULT, ACTION, ACTION]
    assert verified.valid, verified.failure_description
