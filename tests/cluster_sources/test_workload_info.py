"""`get_workload_info`: GPU pods, their owners, gangs, and who waits."""

from __future__ import annotations

import json

import pytest

from gcm_sentinel.datasources import workloads
from gcm_sentinel.domain.entity import Entity, EntityKind, node
from sentinel_fleet.kube import Deny

TOOL = "get_workload_info"
KUBEFLOW = "training.kubeflow.org"


@pytest.fixture(autouse=True)
def nodes(cluster):
    for name in ("gpu-1", "gpu-2", "gpu-10"):
        cluster.node(name)


async def test_shows_gpu_pods_of_exactly_this_node_finished_ones_included(cluster, ask):
    cluster.pod("team-a/run", "gpu-1", gpus=4)
    cluster.pod("team-a/done", "gpu-1", gpus=4, phase="Succeeded")
    cluster.pod("team-a/broken", "gpu-1", gpus=4, phase="Failed")
    cluster.pod("team-a/no-gpu", "gpu-1")
    cluster.pod("team-a/elsewhere", "gpu-10", gpus=4)
    cluster.pod("gpu-operator/plugin", "gpu-1", gpus=1, owner=("DaemonSet", "plugin"))

    summary = (await ask(workloads, TOOL)).summary

    assert [pod["name"] for pod in summary["pods"]] == ["broken", "run", "done"]
    assert (summary["running"], summary["failed"], summary["gpus_requested"]) == (1, 1, 4)


async def test_a_gang_is_shown_with_all_its_nodes(cluster, ask):
    labels = {f"{KUBEFLOW}/job-name": "llm", f"{KUBEFLOW}/operator-name": "pytorchjob-controller"}
    owner = {"owner": ("PyTorchJob", "llm"), "owner_api": "kubeflow.org/v1", "labels": labels}
    cluster.pod("team-a/llm-master-0", "gpu-1", gpus=8, **owner)
    cluster.pod("team-a/llm-worker-0", "gpu-2", gpus=8, phase="Failed", **owner)
    cluster.pod("team-b/llm-worker-0", "gpu-10", gpus=8, **owner)

    result = await ask(workloads, TOOL)

    (group,) = result.summary["groups"]
    assert (group["owner"], group["namespace"], group["nodes"]) == ("PyTorchJob/llm", "team-a", ["gpu-1", "gpu-2"])
    assert (group["pods_total"], group["failed"], group["pods_on_node"]) == (2, 1, ["llm-master-0"])
    assert {node("gpu-2"), Entity(EntityKind.WORKLOAD, "team-a/llm")} <= set(result.entities)


@pytest.mark.parametrize(
    ("labels", "owner", "title"),
    [
        ({"jobset.sigs.k8s.io/jobset-name": "js", "job-name": "js-0"}, ("Job", "js-0"), "JobSet/js"),
        ({f"{KUBEFLOW}/job-name": "m", f"{KUBEFLOW}/job-role": "worker"}, ("MPIJob", "m"), "MPIJob/m"),
        ({"leaderworkerset.sigs.k8s.io/name": "lws"}, ("StatefulSet", "lws-0"), "LeaderWorkerSet/lws"),
        ({"volcano.sh/job-name": "v"}, ("Job", "v"), "VolcanoJob/v"),
        ({"kueue.x-k8s.io/pod-group-name": "pg"}, ("", ""), "PodGroup/pg"),
        ({"batch.kubernetes.io/job-name": "j"}, ("Job", "j"), "Job/j"),
        ({}, ("SparkApplication", "s"), "SparkApplication/s"),
        ({}, ("", ""), "Pod/p-0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_owners_are_recognised_by_label_or_reference(cluster, ask, labels, owner, title):
    cluster.pod("team-a/p-0", "gpu-1", gpus=8, labels=labels, owner=owner)

    (group,) = (await ask(workloads, TOOL)).summary["groups"]

    assert group["owner"] == title


async def test_owners_above_owners_are_followed(cluster, ask):
    top = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "u-top", "controller": True}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "nightly-1", "namespace": "team-a", "ownerReferences": [top]},
    }
    cluster.store.put(job)
    cluster.pod("team-a/p-0", "gpu-1", gpus=8, labels={"job-name": "nightly-1"}, owner=("Job", "nightly-1"))

    (group,) = (await ask(workloads, TOOL)).summary["groups"]

    assert group["owner"] == "CronJob/nightly"


async def test_an_owner_that_may_not_be_read_stays_the_one_that_is_known(cluster, ask):
    cluster.denied.append(Deny(resources=("jobs",)))
    cluster.pod("team-a/p-0", "gpu-1", gpus=8, labels={"job-name": "nightly-1"}, owner=("Job", "nightly-1"))

    result = await ask(workloads, TOOL)

    assert (result.status, result.summary["groups"][0]["owner"]) == ("ok", "Job/nightly-1")


async def test_gpus_are_summed_over_containers_slices_included(cluster, ask):
    containers = [
        {"name": "a", "resources": {"limits": {"nvidia.com/gpu": "2"}}},
        {"name": "b", "resources": {"requests": {"nvidia.com/mig-1g.18gb": "3"}}},
        {"name": "c", "resources": {"limits": {"nvidia.com/gpu.memory-total": "x", "cpu": "4"}}},
    ]
    cluster.pod("team-a/p", "gpu-1", containers=containers)

    (pod,) = (await ask(workloads, TOOL)).summary["pods"]

    assert pod["gpus"] == 5


async def test_exit_codes_and_restarts_of_containers_are_shown(cluster, ask):
    ended = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-20T19:50:00Z"}
    state = {"name": "main", "ready": False, "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    cluster.pod(
        "team-a/p", "gpu-1", gpus=1, status={"containerStatuses": [{**state, "lastState": {"terminated": ended}}]}
    )

    (container,) = (await ask(workloads, TOOL)).summary["pods"][0]["containers"]

    assert (container["state"], container["reason"], container["restarts"]) == ("waiting", "CrashLoopBackOff", 5)
    assert (container["last_reason"], container["last_exit_code"]) == ("OOMKilled", 137)


async def test_pods_that_wait_for_a_gpu_anywhere_are_shown_with_the_schedulers_words(cluster, ask):
    words = "0/96 nodes are available: 96 Insufficient nvidia.com/gpu."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
    cluster.pod(
        "team-a/waits", None, gpus=8, status={"phase": "Pending", "conditions": [condition], "containerStatuses": []}
    )
    cluster.pod("team-a/no-gpu", None, status={"phase": "Pending", "conditions": [condition]})

    result = await ask(workloads, TOOL)

    (waiting,) = result.summary["pending_gpu_pods"]
    assert (waiting["name"], waiting["reason"], waiting["message"]) == ("waits", "Unschedulable", words)
    assert result.status == "ok"


async def test_the_gpus_a_pod_holds_are_named_when_metrics_tell(cluster, ask):
    cluster.pod("team-a/run", "gpu-1", gpus=1)
    labels = {"Hostname": "gpu-1", "gpu": "3", "UUID": "GPU-3", "exported_namespace": "team-a", "exported_pod": "run"}
    cluster.prometheus.says(
        "GPU_TEMP", 'Hostname="gpu-1"', series=[(labels, 60.0), ({**labels, "exported_pod": ""}, 60.0)]
    )

    (pod,) = (await ask(workloads, TOOL)).summary["pods"]

    assert pod["gpu_devices"] == ["GPU-3"]


async def test_without_prometheus_devices_are_left_out(cluster, ask, without_prometheus):
    cluster.pod("team-a/run", "gpu-1", gpus=1)

    (pod,) = (await ask(workloads, TOOL, context=without_prometheus)).summary["pods"]

    assert "gpu_devices" not in pod


async def test_secrets_of_the_environment_are_never_kept(cluster, ask):
    cluster.pod("team-a/run", "gpu-1", gpus=1)

    result = await ask(workloads, TOOL)

    assert "s3cret" not in result.raw + json.dumps(result.summary)
    assert "team-a" in result.raw


async def test_an_empty_node_is_no_data_and_a_missing_one_is_said_so(cluster, ask):
    empty = await ask(workloads, TOOL)
    missing = await ask(workloads, TOOL, node="gpu-99")

    assert (empty.status, empty.note) == ("no_data", "no GPU pod is bound to gpu-1")
    assert (missing.status, missing.summary) == ("no_data", {})
    assert "no node named exactly 'gpu-99'" in missing.note


async def test_pods_that_may_not_be_listed_are_unavailable(cluster, ask):
    cluster.denied.append(Deny(resources=("pods",)))

    result = await ask(workloads, TOOL)

    assert result.status == "unavailable"
    assert "RBAC: list on pods" in result.note


async def test_a_pod_that_has_its_node_does_not_wait_for_a_gpu(cluster, ask):
    cluster.pod("team-a/pulling", "gpu-2", gpus=8, phase="Pending")
    cluster.pod("team-a/waiting", None, gpus=8, phase="Pending")

    summary = (await ask(workloads, TOOL)).summary

    assert [pod["name"] for pod in summary["pending_gpu_pods"]] == ["waiting"]


async def test_the_failure_of_a_minute_ago_comes_before_yesterdays(cluster, ask):
    for name, at in (("a", "2026-11-18T01:00:00Z"), ("b", "2026-11-20T19:59:00Z")):
        ended = {"name": "main", "state": {"terminated": {"exitCode": 1, "finishedAt": at}}}
        cluster.pod(f"team-a/{name}", "gpu-1", gpus=1, phase="Failed", status={"containerStatuses": [ended]})

    assert [pod["name"] for pod in (await ask(workloads, TOOL)).summary["pods"]] == ["b", "a"]


async def test_an_api_server_in_trouble_is_not_blamed_on_permissions(cluster, ask):
    cluster.faults.broken["kubernetes"] = "503"

    result = await ask(workloads, TOOL)

    assert not result.status.observed
    assert "RBAC" not in result.note


async def test_held_gpus_are_found_where_another_label_names_the_node(cluster, ask):
    cluster.pod("team-a/train", "gpu-1", gpus=1)
    labels = {"Hostname": "exporter-pod", "node": "gpu-1", "gpu": "3", "UUID": "GPU-c", "exported_namespace": "team-a"}
    cluster.prometheus.says('node="gpu-1"', "DCGM", series=[({**labels, "exported_pod": "train"}, 40.0)])

    (pod,) = (await ask(workloads, TOOL)).summary["pods"]

    assert pod["gpu_devices"] == ["GPU-c"]
