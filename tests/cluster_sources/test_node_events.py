"""`get_node_events`: what happened to a node and its pods."""

from __future__ import annotations

from gcm_sentinel.datasources import kubernetes
from gcm_sentinel.domain.entity import Entity, EntityKind
from sentinel_fleet.kube import Deny

TOOL = "get_node_events"


async def test_shows_events_of_the_node_and_its_pods_newest_first(cluster, ask):
    cluster.node("gpu-1")
    cluster.pod("team-a/trainer", "gpu-1")
    cluster.event("Node", "gpu-1", "NodeNotReady", lastTimestamp="2026-11-20T19:10:00Z", count=3)
    cluster.event("Pod", "team-a/trainer", "BackOff", lastTimestamp="2026-11-20T19:20:00Z")

    result = await ask(kubernetes, TOOL)

    shown = [(event["reason"], event["about"], event["count"]) for event in result.summary["events"]]
    assert shown == [("BackOff", "Pod/team-a/trainer", 1), ("NodeNotReady", "Node/gpu-1", 3)]
    assert result.summary["by_reason"] == {"NodeNotReady": 3, "BackOff": 1}
    assert Entity(EntityKind.POD, "team-a/trainer", node="gpu-1") in result.entities


async def test_other_nodes_events_are_not_taken_for_this_ones(cluster, ask):
    cluster.node("gpu-1")
    cluster.pod("team-a/trainer", "gpu-1")
    cluster.pod("team-a/trainer-2", "gpu-10")
    cluster.event("Node", "gpu-10", "NodeNotReady")
    cluster.event("Pod", "team-a/trainer-2", "BackOff")

    result = await ask(kubernetes, TOOL)

    assert result.status == "no_data"
    assert "keeps no Event" in result.note


async def test_a_pod_that_is_gone_is_found_by_the_kubelets_word(cluster, ask):
    cluster.node("gpu-1")
    cluster.pod("team-a/other", "gpu-1")
    cluster.event("Pod", "team-a/gone", "UnexpectedAdmissionError", source={"component": "kubelet", "host": "gpu-1"})

    result = await ask(kubernetes, TOOL)

    assert [event["about"] for event in result.summary["events"]] == ["Pod/team-a/gone"]


async def test_our_own_events_are_no_evidence(cluster, ask):
    cluster.node("gpu-1")
    cluster.event("Node", "gpu-1", "GCMSentinel", source={"component": "gcm-sentinel"})
    cluster.event("Node", "gpu-1", "Other", reportingComponent="gcm-sentinel")

    result = await ask(kubernetes, TOOL)

    assert result.status == "no_data"


async def test_event_times_of_the_newer_generation_are_read(cluster, ask):
    cluster.node("gpu-1")
    series = {"count": 9, "lastObservedTime": "2026-11-20T19:45:00.000000Z"}
    cluster.event("Node", "gpu-1", "Slow", lastTimestamp=None, eventTime="2026-11-20T19:40:00.000000Z", series=series)

    (event,) = (await ask(kubernetes, TOOL)).summary["events"]

    assert (event["count"], event["first_at"], event["last_at"]) == (9, "2026-11-20T19:40:00Z", "2026-11-20T19:45:00Z")


async def test_pod_events_that_cannot_be_read_are_said_to_be_missing(cluster, ask):
    cluster.node("gpu-1")
    cluster.event("Node", "gpu-1", "NodeNotReady")
    cluster.denied.append(Deny(resources=("pods",)))

    result = await ask(kubernetes, TOOL)

    assert (result.status, result.summary["events_total"]) == ("ok", 1)
    assert "events of the node's pods are missing" in result.note


async def test_events_that_may_not_be_listed_are_unavailable(cluster, ask):
    cluster.denied.append(Deny(resources=("events",)))

    result = await ask(kubernetes, TOOL)

    assert result.status == "unavailable"
    assert "RBAC: list on events" in result.note


async def test_a_node_that_does_not_exist_is_said_to_be_missing(cluster, ask):
    result = await ask(kubernetes, TOOL)

    assert "no node named exactly" in result.note
