"""`get_node_info`: what the API server knows of a node."""

from __future__ import annotations

import json

import pytest

from gcm_sentinel.datasources import kubernetes
from gcm_sentinel.domain.entity import node
from sentinel_fleet.kube import Deny

TOOL = "get_node_info"
BOOT = 1795197600.0  # 2026-11-20T18:00:00Z
STATUS = {
    "capacity": {"nvidia.com/gpu": "8", "nvidia.com/mig-1g.18gb": "7", "cpu": "96"},
    "allocatable": {"nvidia.com/gpu": "7", "nvidia.com/mig-1g.18gb": "7", "cpu": "95"},
    "nodeInfo": {"kernelVersion": "6.8.0", "kubeletVersion": "v1.34.2", "osImage": "Ubuntu", "bootID": "b-1"},
    "addresses": [{"type": "InternalIP", "address": "10.12.0.17"}],
    "images": [{"names": ["big"], "sizeBytes": 1}],
}


async def test_shows_conditions_with_polarity_age_and_parsed_message(cluster, ask, bad):
    message = "GPU Xid errors detected: 79"
    cluster.node(
        "gpu-1", bad("Ready", "True"), bad("SiteThing"), bad("GpuXid", message=message), bad("IbDev", "Unknown")
    )

    result = await ask(kubernetes, TOOL)

    states = [(entry["type"], entry["state"]) for entry in result.summary["conditions"]]
    assert states == [("GpuXid", "problem"), ("IbDev", "unknown"), ("SiteThing", "unlisted"), ("Ready", "ok")]
    first = result.summary["conditions"][0]
    assert (first["age_s"], first["parsed"]["xids"]) == (3600.0, [79])
    assert result.summary["ready"] == "True"


async def test_shows_gpus_versions_and_the_number_of_pods(cluster, ask):
    cluster.node("gpu-1", status=STATUS, labels={"nvidia.com/cuda.driver-version.full": "580.159.03"})
    cluster.pod("team-a/one", "gpu-1")
    cluster.pod("team-a/two", "gpu-10")

    result = await ask(kubernetes, TOOL)

    assert [(gpu["resource"], gpu["capacity"], gpu["allocatable"]) for gpu in result.summary["gpus"]] == [
        ("nvidia.com/gpu", 8, 7),
        ("nvidia.com/mig-1g.18gb", 7, 7),
    ]
    assert (result.summary["pods_total"], result.summary["driver_version"]) == (1, "580.159.03")
    assert (result.summary["kernel"], result.summary["boot_id"]) == ("6.8.0", "b-1")


async def test_marks_conditions_older_than_the_present_boot(cluster, ask, bad):
    cluster.node("gpu-1", bad("GpuXid", at="2026-11-19T00:00:00Z"), bad("GpuEcc", at="2026-11-20T19:00:00Z"))
    cluster.prometheus.says('node_boot_time_seconds{node="gpu-1"}', series=[({"node": "gpu-1"}, BOOT)])

    result = await ask(kubernetes, TOOL)

    assert {entry["type"]: entry["before_boot"] for entry in result.summary["conditions"]} == {
        "GpuXid": True,
        "GpuEcc": False,
    }
    assert result.summary["booted_at"] == "2026-11-20T18:00:00Z"


async def test_asks_for_the_boot_by_exact_address_when_there_is_no_node_label(cluster, ask, bad):
    cluster.node("gpu-1.dc", bad("GpuXid"), status=STATUS)
    cluster.prometheus.says("instance=~", series=[({"instance": "10.12.0.17:9100"}, BOOT)])

    result = await ask(kubernetes, TOOL, node="gpu-1.dc")

    assert result.summary["booted_at"] == "2026-11-20T18:00:00Z"
    assert "(?:gpu-1[.]dc|10[.]12[.]0[.]17)(?::[0-9]+)?" in cluster.prometheus.queries[-1]


@pytest.mark.parametrize("broken", [True, False], ids=["prometheus-down", "no-such-series"])
async def test_says_nothing_about_the_boot_when_nobody_knows_it(cluster, ask, bad, broken):
    cluster.node("gpu-1", bad("GpuXid"))
    cluster.prometheus.broken = broken

    result = await ask(kubernetes, TOOL)

    assert result.status == "ok"
    assert "booted_at" not in result.summary
    assert "before_boot" not in result.summary["conditions"][0]


async def test_a_cordon_by_a_person_makes_the_person_the_owner(cluster, ask):
    cluster.node("gpu-1", manager="kubelet")
    cluster.node("gpu-1", spec={"unschedulable": True}, manager="kubectl-cordon")

    result = await ask(kubernetes, TOOL)

    assert (result.summary["unschedulable"], result.summary["cordoned_by"]) == (True, "kubectl-cordon")
    assert result.summary["owner"] == "person:kubectl-cordon"
    change = next(entry for entry in result.summary["changes"] if entry["manager"] == "kubectl-cordon")
    assert change["fields"] == ["spec.unschedulable"]


@pytest.mark.parametrize(
    ("parts", "manager", "owner"),
    [
        ({"labels": {"dgxc.nvidia.com/nvsentinel-state": "draining"}}, "x", "nvsentinel:draining"),
        ({"spec": {"unschedulable": True}}, "cluster-api", "controller:cluster-api"),
        ({"spec": {"unschedulable": True}}, "", "unknown"),
        ({}, "kubelet", None),
    ],
    ids=["nvsentinel", "controller", "nobody-named", "free"],
)
async def test_who_holds_the_node(cluster, ask, parts, manager, owner):
    cluster.node("gpu-1", manager=manager, **parts)

    result = await ask(kubernetes, TOOL)

    assert result.summary["owner"] == owner


async def test_taints_have_an_owner_and_a_time(cluster, ask):
    taint = {
        "key": "nvidia.com/gpu-xid-error",
        "value": "79",
        "effect": "NoExecute",
        "timeAdded": "2026-11-20T19:30:00Z",
    }
    cluster.node("gpu-1", manager="kubelet")
    cluster.node("gpu-1", spec={"taints": [taint]}, manager="fault-quarantine")

    result = await ask(kubernetes, TOOL)

    (shown,) = result.summary["taints"]
    assert (shown["owner"], shown["added_at"], shown["value"]) == ("fault-quarantine", "2026-11-20T19:30:00Z", "79")


async def test_what_we_wrote_ourselves_is_no_evidence(cluster, ask):
    cluster.node("gpu-1", annotations={"site/x": "kept"}, manager="kubectl-annotate")
    cluster.node("gpu-1", annotations={"gcm-sentinel/severity": "critical"}, manager="gcm-sentinel")

    result = await ask(kubernetes, TOOL)

    assert result.summary["annotations"] == {"site/x": "kept"}
    assert result.summary["annotation_owners"] == {"site/x": "kubectl-annotate"}
    assert "gcm-sentinel" not in result.raw + json.dumps(result.summary)


async def test_raw_is_the_node_without_its_images(cluster, ask):
    cluster.node("gpu-1", status=STATUS)

    result = await ask(kubernetes, TOOL)

    raw = json.loads(result.raw)
    assert raw["metadata"]["name"] == "gpu-1"
    assert "images" not in raw["status"]
    assert result.entities == (node("gpu-1"),)
    assert result.query == "GET /api/v1/nodes/gpu-1"


async def test_a_name_that_only_begins_alike_is_no_such_node(cluster, ask):
    cluster.node("gpu-10")

    result = await ask(kubernetes, TOOL, node="gpu-1")

    assert result.status == "no_data"
    assert "no node named exactly 'gpu-1'" in result.note
    assert result.entities == ()


@pytest.mark.parametrize("name", ["gpu-1,spec.x=y", "GPU 1", "../pods", "gpu*"])
async def test_what_cannot_be_a_node_name_is_refused_before_anything_is_sent(ask, name):
    result = await ask(kubernetes, TOOL, node_name=name)

    assert result.status == "error"
    assert "is not a node name" in result.note


async def test_missing_rights_are_named_with_the_rule_that_grants_them(cluster, ask):
    cluster.denied.append(Deny(resources=("nodes",)))

    result = await ask(kubernetes, TOOL)

    assert result.status == "unavailable"
    assert 'cannot get resource "nodes"' in result.note
    assert "RBAC: get on nodes" in result.note


async def test_pods_that_cannot_be_counted_are_not_zero(cluster, ask):
    cluster.node("gpu-1")
    cluster.denied.append(Deny(resources=("pods",)))

    result = await ask(kubernetes, TOOL)

    assert (result.status, result.summary["pods_total"]) == ("ok", None)
    assert "could not be listed" in result.note


async def test_an_unknown_tool_is_answered_in_words(ask):
    result = await ask(kubernetes, "get_everything")

    assert result.status == "error"
    assert "get_node_info" in result.note
