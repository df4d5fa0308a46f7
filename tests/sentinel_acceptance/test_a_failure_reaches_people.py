"""A failing probe, sent as the C++ agent sends it, moves the GPU; directive, ledger entry and alert follow.

The agent's way of sending: a stream of its own for every batch. The alert is posted to a real receiver, which checks
the signature over the very bytes it got.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from tests.sentinel_acceptance.place import Fleet
from tests.sentinel_alerts.receivers import HttpReceiver
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, execution, neighbours, until

from sentinel.v1 import audit_pb2, common_pb2, quarantine_pb2
from sentinel_sdk import types

pytestmark = pytest.mark.slow

SECRET = "shared with the desk"
PROBE, ACTION = audit_pb2.AUDIT_ENTRY_TYPE_PROBE_RESULT, audit_pb2.AUDIT_ENTRY_TYPE_QUARANTINE_ACTION
AGENT, PERSON = (("authorization", "Bearer agent"),), (("authorization", "Bearer olga"),)
ADMIN = (("authorization", "Bearer ann"),)


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with HttpReceiver.started() as started:
        yield started


@pytest.fixture
def groups(receiver: HttpReceiver) -> dict[str, Any]:
    return {"alerting": {"webhooks": [{"name": "desk", "url": f"{receiver.url}/alerts", "secret": SECRET}]}}


@pytest.fixture
async def client(fleet: Fleet) -> AsyncIterator[Client]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{fleet.gateway.grpc_port}") as channel:
        yield Client(channel)


async def failed(client: Client, times: int) -> list[tuple[int, bool]]:
    """An SM fails in so many sweeps; the acknowledgements."""
    acks = []
    for number in range(times):
        failure = execution(2, sm=7, execution_id=f"x-{number}", age_s=60 * (times - number))
        sent = batch(*neighbours(), failure, sequence=number)
        call = client.probes.StreamProbeResults(timeout=WITHIN_S, metadata=AGENT)
        await call.write(sent)
        await call.done_writing()
        acks += [(ack.sequence_number, ack.accepted) async for ack in call]
    return acks


async def alert(receiver: HttpReceiver, rule: str, event: str = "trigger") -> dict[str, Any]:
    """The first of a rule that is delivered, its signature checked."""

    def found() -> list[dict[str, Any]]:
        told = []
        for one in receiver.posted:
            digest = hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
            assert one.headers["X-Sentinel-Signature"] == f"sha256={digest}"
            told.append(json.loads(one.body))
        return [body for body in told if (body["rule"], body["event"]) == (rule, event)]

    async def came() -> bool:
        return bool(found())

    await until(came, f"an alert of {rule}")
    return found()[0]


async def test_state_directive_entry_and_alert_follow_the_failure(client: Client, receiver: HttpReceiver):
    followed = client.quarantine.StreamDirectives(quarantine_pb2.DirectiveSubscription(), metadata=ADMIN)
    await followed.initial_metadata()

    assert await failed(client, 3) == [(0, True), (1, True), (2, True)]

    async with asyncio.timeout(WITHIN_S):
        directive: Any = await followed.read()
    told = await alert(receiver, "gpu_quarantined")
    query = audit_pb2.AuditQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU), limit=100)
    entries = (await client.audit.QueryAuditTrail(query, metadata=ADMIN, timeout=WITHIN_S)).entries
    assert (directive.gpu.uuid, directive.action) == (GPU, quarantine_pb2.QUARANTINE_ACTION_QUARANTINE)
    assert (told["gpu"]["uuid"], told["severity"]) == (GPU, "HIGH")
    assert {PROBE, ACTION} <= {entry.entry_type for entry in entries}
    followed.cancel()


async def test_the_first_failure_alone_is_told_too_and_moves_nothing(
    client: Client, fleet: Fleet, receiver: HttpReceiver
):
    await failed(client, 1)

    told = await alert(receiver, "probe_single_failure")
    assert (told["gpu"]["uuid"], told["severity"], told["hostname"]) == (GPU, "WARNING", "node-1")
    assert (await fleet.clients["olga"].aquery_gpu_health(GPU)).state.name == "HEALTHY"


async def test_what_waits_for_a_person_is_told_and_so_is_that_nobody_decided(
    client: Client, fleet: Fleet, receiver: HttpReceiver
):
    await failed(client, 1)
    action = types.QuarantineAction.CONDEMN
    asked = await fleet.clients["olga"].aissue_quarantine(GPU, action, "it is dead", "olga")

    told = await alert(receiver, "directive_waiting")
    await fleet.passes(30 * 86400)
    over, expired = await alert(receiver, "directive_waiting", "resolve"), await alert(receiver, "directive_expired")
    assert (told["gpu"]["uuid"], told["severity"], told["facts"]["reason"]) == (GPU, "HIGH", "it is dead")
    assert told["group"] == over["group"] == f"directive/{asked.directive_id}"
    assert (expired["facts"]["directive_id"], expired["severity"]) == (asked.directive_id, "HIGH")
