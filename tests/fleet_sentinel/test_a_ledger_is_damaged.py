"""What an intruder changed is found by the gateway's own verification; what a crash left is mended and said."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from tests.fleet_sentinel.conftest import world_of

from sentinel_fleet.serve import serve
from sentinel_sdk import SentinelClient
from sentinel_sdk.types import GpuHealthState

pytestmark = pytest.mark.slow
HELD = {"node": "${a}", "gpu": 1}
QUARANTINE = {"directive": {**HELD, "action": "QUARANTINE", "by": "k.larsen", "reason": "swap", "at": "-5m"}}
PLACED = {"record": {"event": "job.placed", "by": "scheduler", "at": "-4m", "times": 520, "every": "200ms"}}


@asynccontextmanager
async def client_of(world):
    """A client of the world's gateway, as the investigator."""
    async with serve(world) as fleet:
        served = fleet.sentinel
        assert served is not None
        async with await SentinelClient.aconnect(served.endpoint, tls_config=False, token=served.token) as client:
            yield client


@pytest.mark.parametrize(("how", "words"), [("rewritten", "expected the hash"), ("removed", "missing")])
async def test_a_hidden_quarantine_breaks_the_chain(make, how, words):
    world = world_of(make([QUARANTINE, PLACED, {"tamper": {**HELD, "how": how}}]))

    async with client_of(world) as client:
        found = await client.averify_chain()
        health = await client.aquery_gpu_health(world.fleet.gpu(str(world.names["a"]), 1).uuid)

    assert not found.valid
    assert found.first_invalid_entry_id > 1
    assert words in found.failure_description
    assert health.state is GpuHealthState.HEALTHY


async def test_a_torn_tail_is_sealed_at_the_next_start(make):
    world = world_of(make([QUARANTINE, {"crash": {"unsealed": 3}}]))

    async with client_of(world) as client:
        found = await client.averify_chain()
        records = [entry.fields async for entry in client.aiter_audit_trail()]
        health = await client.aquery_gpu_health(world.fleet.gpu(str(world.names["a"]), 1).uuid)

    assert found.valid
    assert any(record.get("event") == "ledger.tail_sealed" for record in records)
    assert not any(record.get("event") == "gateway.stopped" for record in records)
    assert health.state is GpuHealthState.QUARANTINED
