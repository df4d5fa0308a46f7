"""A real gateway, in a process of its own, hears over gRPC what a scenario says."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from tests.fleet_sentinel.conftest import scenario_of, world_of

from sentinel_fleet.serve import serve
from sentinel_sdk import SentinelClient
from sentinel_sdk.types import AuditEntryType, AuditQueryFilters, GpuHealthState

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
SINCE = {"at": "-20m"}
FACTS: list[dict[str, Any]] = [
    {"fail": {"node": "${node}", "gpu": "${gpu}", "sm": 7, "probes": ["FMA", "TENSOR_CORE"], **SINCE, "share": 1.0}},
    {"timeout": {"node": "${a}", "probes": "MEMORY", "at": "-30m", "times": 2}},
    {"anomaly": {"node": "${a}", "gpu": 0, "type": "LOSS_SPIKE", **SINCE, "count": 3, "over": "5m", "step": 81}},
    {"canary": {"gpus": [["${a}", 0], ["${a}", 1], ["${node}", "${gpu}"]], "odd": 2, **SINCE}},
    {"directive": {"node": "${a}", "gpu": 1, "action": "QUARANTINE", "by": "k.larsen", "reason": "swap", **SINCE}},
    {"record": {"event": "rollout.finished", "by": "deployer", "fields": {"version": "0.1.4"}, "at": "-35m"}},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory):
    """The world, served, and a client with the agent's own token."""
    facts = [{"clock": {"node": "${b}", "at": "-25m", "offset": "412s"}}]
    world = world_of(scenario_of(tmp_path_factory.mktemp("told"), FACTS, facts=facts))
    async with serve(world) as fleet:
        served = fleet.sentinel
        assert served is not None
        async with await SentinelClient.aconnect(served.endpoint, tls_config=False, token=served.token) as client:
            yield world, client


def uuid(world, name, gpu):
    return world.fleet.gpu(str(world.names[name]), gpu).uuid


async def entries(client, kind: AuditEntryType) -> list[dict[str, Any]]:
    return [entry.fields async for entry in client.aiter_audit_trail(AuditQueryFilters(entry_type=kind))]


async def test_it_knows_which_sm_fails_and_how_often(told):
    world, client = told
    health = await client.aquery_gpu_health(uuid(world, "node", int(world.names["gpu"])))

    failing = {sm.sm.sm_id: sm.probe_fail_count for sm in health.sm_health if sm.probe_fail_count}
    assert failing == {7: 40}
    assert len(health.sm_health) == 132


async def test_a_gpu_that_fails_without_end_is_taken_out_without_anybody_asking(told):
    world, client = told
    health = await client.aquery_gpu_health(uuid(world, "node", int(world.names["gpu"])))

    taken_out = (GpuHealthState.QUARANTINED, GpuHealthState.DEEP_TEST, GpuHealthState.CONDEMNED)
    assert health.state in taken_out


async def test_timeouts_and_anomalies_are_no_failures(told):
    world, client = told
    health = await client.aquery_gpu_health(uuid(world, "a", 0))

    assert (health.probe_fail_count, health.anomaly_count, health.state) == (0, 3, GpuHealthState.HEALTHY)
    results = await entries(client, AuditEntryType.PROBE_RESULT)
    assert sum(entry.get("result") == "PROBE_RESULT_TIMEOUT" for entry in results) == 4


async def test_a_vote_and_an_order_are_the_gateways_and_a_persons(told):
    world, client = told
    (vote,) = await entries(client, AuditEntryType.TMR_RESULT)
    assert vote["dissenting_gpu"]["uuid"] == uuid(world, "node", int(world.names["gpu"]))

    actions = str(await entries(client, AuditEntryType.QUARANTINE_ACTION))
    assert "k.larsen" in actions


async def test_a_clock_that_is_minutes_ahead_gets_its_batches_refused(told):
    world, client = told
    records = await entries(client, AuditEntryType.SYSTEM_EVENT)

    refused = [entry["fields"] for entry in records if entry["event"] == "ingest.refused"]
    assert {(fields["hostname"], fields["reason"]) for fields in refused} == {(world.names["b"], "clock")}
    assert any(entry["event"] == "rollout.finished" for entry in records)
