"""The `node_agents` part of a file: strict like the rest, and put together from file, distractors and variant."""

from __future__ import annotations

import time

import pytest
from tests.fleet_node_agents.conftest import MakeScenario

from sentinel_fleet.scenario.errors import ScenarioError

BAD = {
    "an unknown key": ({"agents": 3}, "node_agents: 'agents': unknown key"),
    "an unknown permission": ({"probes": "all"}, "node_agents.probes"),
    "a node that is not here": ({"nodes": "gpu-9"}, "node_agents.nodes"),
    "a part that no agent has": ({"lacks": [{"node": "${node}", "parts": "nvml"}]}, "node_agents.lacks[0].parts"),
    "a fact of another part": ({"facts": [{"canary": {}}]}, "node_agents.facts[0]"),
}


@pytest.mark.parametrize(("part", "place"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_named_with_its_place(make: MakeScenario, part, place):
    with pytest.raises(ScenarioError) as caught:
        make(node_agents=part)

    assert place in str(caught.value)


def test_a_variant_adds_facts_and_replaces_the_rest(make: MakeScenario):
    fail = {"fail": {"node": "${node}", "at": "-1h", "share": 1.0}}
    variants = {"more": {"node_agents": {"probes": "deep", "facts": [fail]}}}

    scenario = make(node_agents={"version": "2.0.0", "facts": [fail]}, variants=variants)

    plan = scenario.realise(1, time.time(), "more").plan.node_agents
    assert plan is not None
    assert (plan.part.version, plan.part.probes, len(plan.facts)) == ("2.0.0", "deep", 2)


def test_nodes_without_agents_keep_their_addresses(make: MakeScenario):
    without = make(node_agents=None).realise(1, time.time())
    with_agents = make().realise(1, time.time())

    assert without.plan.node_agents is None
    assert {node.ip.split(".")[0] for node in without.fleet.nodes} == {"10"}
    assert {node.ip.split(".")[0] for node in with_agents.fleet.nodes} == {"127"}
