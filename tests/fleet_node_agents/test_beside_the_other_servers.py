"""Agents are served with the rest of a world, and see what clients do to its pods."""

from __future__ import annotations

import time

from tests.fleet_node_agents.conftest import Agents, MakeScenario

from gcm_sentinel.app.simulated import settings_for
from sentinel.node.v1 import node_pb2 as pb
from sentinel_fleet.serve import Fleet, serve


async def pids(fleet: Fleet) -> list[int]:
    """Of the processes on the trigger's node, by its agent."""
    assert fleet.node_agents is not None
    agents = Agents(fleet.world, fleet.node_agents)
    async with agents.ask() as stub:
        report = await stub.ReadTelemetry(pb.TelemetryRequest(), timeout=20.0, metadata=agents.metadata)
    return [pid for sample in report.samples for pid in sample.compute_process_ids]


async def test_a_pod_that_is_deleted_leaves_its_gpu(make: MakeScenario):
    async with serve(make().realise(1, time.time())) as fleet:
        before = await pids(fleet)
        held = fleet.world.holders(fleet.world.trigger.node, time.time())
        for one in held:
            fleet.store.delete("pods", one.pod, one.namespace)
        after = await pids(fleet)

    assert (len(before), after) == (1, [])


async def test_an_investigator_is_pointed_at_them(make: MakeScenario):
    async with serve(make(node_agents={"probes": "deep"}).realise(1, time.time())) as fleet:
        settings = settings_for(fleet, fleet.world, "playbook")
        told = "\n".join(fleet.describe())

    assert fleet.node_agents is not None
    assert settings.node_agent_address == f"{{node_ip}}:{fleet.node_agents.port}"
    assert settings.node_agent_token.get_secret_value() == fleet.node_agents.token
    assert settings.probes == "deep"
    assert f"GCM_SENTINEL_NODE_AGENT_ADDRESS={settings.node_agent_address}" in told


async def test_a_world_without_them_has_none(make: MakeScenario):
    async with serve(make(node_agents=None).realise(1, time.time())) as fleet:
        settings = settings_for(fleet, fleet.world, "playbook")

    assert fleet.node_agents is None
    assert settings.node_agent_address == ""
