"""What all sources over the Kubernetes API have in common."""

from __future__ import annotations

import pytest

from gcm_sentinel.datasources import gcm_health, kubernetes, topology, workloads
from sentinel_fleet.kube import Deny

SOURCES = pytest.mark.parametrize(
    ("module", "name", "tools"),
    [
        (kubernetes, "kubernetes", ["get_node_info", "get_node_events", "get_pod_logs", "get_daemonsets"]),
        (workloads, "workloads", ["get_workload_info", "get_workload_logs"]),
        (topology, "topology", ["get_topology"]),
        (gcm_health, "gcm_health", ["get_gcm_health"]),
    ],
    ids=["kubernetes", "workloads", "topology", "gcm_health"],
)


@SOURCES
async def test_has_a_name_and_its_tools(cluster, module, name, tools):
    source = module.build(cluster.context)

    assert source.name == name
    assert [tool.name for tool in source.get_tools()] == tools
    assert all("node_name" in tool.parameters["properties"] for tool in source.get_tools())


@SOURCES
async def test_is_available_when_the_api_server_lets_it_list(cluster, module, name, tools):
    cluster.node("gpu-1")

    assert (await module.build(cluster.context).is_available()).usable


@SOURCES
async def test_says_what_to_grant_when_it_may_not(cluster, module, name, tools):
    cluster.denied.append(Deny())

    availability = await module.build(cluster.context).is_available()

    assert not availability.usable
    assert "forbidden" in availability.reason
    assert "grant" in availability.how_to_enable


@SOURCES
async def test_an_unreachable_api_server_is_unavailable_in_every_tool(cluster, ask, module, name, tools):
    cluster.faults.broken["kubernetes"] = "refuse"

    results = [await ask(module, tool) for tool in tools]

    assert {result.status for result in results} == {"unavailable"}
    assert all("no connection" in result.note for result in results)
