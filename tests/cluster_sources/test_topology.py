"""`get_topology`: who shares what with the node, and who of them suffers the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gcm_sentinel.datasources import topology
from gcm_sentinel.domain.entity import Entity, EntityKind, node
from gcm_sentinel.domain.transcript import ToolCall
from sentinel_fleet.kube import Deny

TOOL = "get_topology"
RACK, LEAF = "topology.kubernetes.io/rack", "network.topology.nvidia.com/leaf"


@pytest.fixture
def fleet(cluster, bad):
    """Two racks on one leaf switch; IbDev is bad in both, GpuEcc on one node only."""
    for rack, name in (("r01", "gpu-1"), ("r01", "gpu-2"), ("r02", "gpu-3"), ("r02", "gpu-10")):
        cluster.node(name, bad("Ready", "True"), labels={RACK: rack, LEAF: "leaf-01"})
    cluster.node("gpu-1", bad("IbDev", at="2026-11-20T19:00:00Z"))
    cluster.node("gpu-3", bad("IbDev", at="2026-11-20T19:00:02Z"))
    cluster.node("gpu-2", bad("GpuEcc", at="2026-11-19T00:00:00Z"), spec={"unschedulable": True})


def group(result, key):
    return next(entry for entry in result.summary["groups"] if entry["key"] == key)


async def test_groups_hold_members_with_problems_of_the_same_kind_newest_first(fleet, ask):
    result = await ask(topology, TOOL, kind="IbDev")

    leaf = group(result, "leaf_switch")
    assert (leaf["value"], leaf["size"]) == ("leaf-01", 4)
    assert [(peer["node"], peer["conditions"], peer["since"]) for peer in leaf["with_problems"]] == [
        ("gpu-3", ["IbDev"], "2026-11-20T19:00:02Z"),
        ("gpu-1", ["IbDev"], "2026-11-20T19:00:00Z"),
    ]
    assert [peer["node"] for peer in group(result, "rack")["with_problems"]] == ["gpu-1"]


async def test_counts_the_fleet(fleet, ask):
    summary = (await ask(topology, TOOL, kind="IbDev")).summary

    assert (summary["fleet_nodes"], summary["fleet_unschedulable"], summary["nodes_with_problems"]) == (4, 1, 2)
    assert [(entry["type"], entry["count"], entry["nodes"]) for entry in summary["by_condition"]] == [
        ("IbDev", 2, ["gpu-1", "gpu-3"]),
        ("GpuEcc", 1, ["gpu-2"]),
    ]


async def test_a_trigger_that_tells_no_kind_counts_every_problem(fleet, ask):
    result = await ask(topology, TOOL, kind="SomethingOdd")

    assert result.summary["nodes_with_problems"] == 3


async def test_racks_switches_and_sick_peers_are_observed_entities(fleet, ask):
    result = await ask(topology, TOOL, kind="IbDev")

    assert set(result.entities) == {
        node("gpu-1"),
        node("gpu-3"),
        Entity(EntityKind.RACK, "r01"),
        Entity(EntityKind.SWITCH, "leaf-01"),
    }


async def test_labels_may_be_others_and_missing_ones_are_named(cluster, ask):
    cluster.node("gpu-1", labels={"site/row": "7"})
    context = replace(cluster.context, topology_labels={"rack": "site/row", "zone": "site/hall"})

    result = await ask(topology, TOOL, context=context)

    assert result.summary["labels"] == {"rack": "7"}
    assert result.note == "the node carries no label for zone (site/hall)"


async def test_another_node_may_be_asked_about_by_its_exact_name(fleet, ask):
    found = await ask(topology, TOOL, node_name="gpu-10")
    missing = await ask(topology, TOOL, node_name="gpu-4")

    assert found.summary["node"] == "gpu-10"
    assert (missing.status, missing.note) == ("no_data", "none of the 4 nodes is named exactly 'gpu-4'")


async def test_the_fleet_is_listed_once_in_half_a_minute(cluster, fleet, bad, about):
    source = topology.build(cluster.context)
    clock = cluster.clock

    async def sick() -> object:
        result = await source.execute(ToolCall("c", TOOL, {}), about("gpu-1", "IbDev"))
        return result.summary["nodes_with_problems"]

    first = await sick()
    cluster.node("gpu-10", bad("IbDev"))
    clock.passed_s = 29.0
    kept = await sick()
    clock.passed_s = 31.0

    assert (first, kept, await sick()) == (2, 2, 3)


async def test_missing_rights_are_named(cluster, fleet, ask):
    cluster.denied.append(Deny(resources=("nodes",)))

    result = await ask(topology, TOOL)

    assert result.status == "unavailable"
    assert "RBAC: list on nodes" in result.note
