"""`get_daemonsets`: the GPU stack's rollouts, and its pods on the node."""

from __future__ import annotations

from gcm_sentinel.datasources import kubernetes
from gcm_sentinel.domain.entity import Entity, EntityKind
from sentinel_fleet.kube import Deny

TOOL = "get_daemonsets"


def waiting(reason: str) -> dict[str, object]:
    state = {"name": "main", "ready": False, "restartCount": 4, "state": {"waiting": {"reason": reason}}}
    return {"phase": "Pending", "containerStatuses": [state]}


def exporter(cluster, node: str, **parts: object) -> None:
    cluster.pod(f"gpu-operator/nvidia-dcgm-exporter-{node}", node, labels={"app": "nvidia-dcgm-exporter"},
                owner=("DaemonSet", "nvidia-dcgm-exporter"), owner_api="apps/v1", **parts)  # fmt: skip


async def test_shows_a_rollout_its_pod_on_the_node_and_who_changed_it(cluster, ask):
    cluster.node("gpu-1")
    cluster.daemonset("gpu-operator/nvidia-dcgm-exporter", desired=3, ready=3, image="dcgm:4", manager="helm")
    exporter(cluster, "gpu-1")

    result = await ask(kubernetes, TOOL)

    (shown,) = result.summary["daemonsets"]
    assert (shown["desired"], shown["ready"], shown["image"]) == (3, 3, "dcgm:4")
    assert shown["pod_on_node"]["name"] == "nvidia-dcgm-exporter-gpu-1"
    assert shown["template_changed_by"] == "helm"
    assert Entity(EntityKind.DAEMONSET, "nvidia-dcgm-exporter") in result.entities


async def test_counts_why_its_pods_wait_over_the_whole_fleet(cluster, ask):
    cluster.node("gpu-1")
    cluster.daemonset("gpu-operator/nvidia-dcgm-exporter", desired=4, ready=1)
    for name in ("gpu-1", "gpu-2", "gpu-3"):
        exporter(cluster, name, status=waiting("ImagePullBackOff"))
    exporter(cluster, "gpu-4")

    (shown,) = (await ask(kubernetes, TOOL)).summary["daemonsets"]

    assert shown["waiting_reasons"] == {"ImagePullBackOff": 3}
    assert shown["pod_on_node"]["containers"][0]["reason"] == "ImagePullBackOff"


async def test_what_is_broken_on_the_node_comes_first(cluster, ask):
    cluster.node("gpu-1")
    cluster.daemonset("kube-system/aaa", desired=1, ready=1)
    cluster.pod("kube-system/aaa-1", "gpu-1", owner=("DaemonSet", "aaa"), owner_api="apps/v1")
    cluster.daemonset("gpu-operator/nvidia-dcgm-exporter", desired=1, ready=0)
    exporter(cluster, "gpu-1", status=waiting("CrashLoopBackOff"))

    result = await ask(kubernetes, TOOL)

    assert [shown["name"] for shown in result.summary["daemonsets"]] == ["nvidia-dcgm-exporter", "aaa"]


async def test_a_pod_of_another_daemonset_of_the_same_name_is_not_taken(cluster, ask):
    cluster.node("gpu-1")
    cluster.daemonset("gpu-operator/exporter-gpu", desired=1, ready=1)
    cluster.pod("team-a/exporter-gpu-1", "gpu-1", owner=("DaemonSet", "exporter-gpu"), owner_api="apps/v1")

    (shown,) = (await ask(kubernetes, TOOL)).summary["daemonsets"]

    assert shown["pod_on_node"] is None


async def test_workload_daemonsets_are_left_out(cluster, ask):
    cluster.node("gpu-1")
    cluster.daemonset("team-a/cache", desired=1, ready=1)

    result = await ask(kubernetes, TOOL)

    assert result.status == "no_data"


async def test_an_init_container_that_fails_is_shown(cluster, ask):
    cluster.node("gpu-1")
    cluster.daemonset("gpu-operator/nvidia-dcgm-exporter", desired=1, ready=0)
    stuck = {
        "name": "driver-validation",
        "ready": False,
        "restartCount": 7,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    }
    done = {"name": "copy", "ready": True, "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}
    exporter(cluster, "gpu-1", status={"phase": "Pending", "initContainerStatuses": [done, stuck]})

    (shown,) = (await ask(kubernetes, TOOL)).summary["daemonsets"]

    names = [container["name"] for container in shown["pod_on_node"]["containers"]]
    assert names == ["driver-validation", "main"]


async def test_missing_rights_are_named(cluster, ask):
    cluster.node("gpu-1")
    cluster.denied.append(Deny(resources=("daemonsets",)))

    result = await ask(kubernetes, TOOL)

    assert result.status == "unavailable"
    assert "list on daemonsets.apps" in result.note


async def test_secrets_in_the_environment_of_a_template_are_never_kept(cluster, ask):
    cluster.node("gpu-1")
    cluster.daemonset("monitoring/agent", desired=1, ready=1)
    agent = cluster.store.get("daemonsets", "agent", "monitoring")
    agent["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "KEY", "value": "s3cret"}]
    cluster.store.put(agent)

    result = await ask(kubernetes, TOOL)

    assert "img:1" in result.raw
    assert "s3cret" not in result.raw
