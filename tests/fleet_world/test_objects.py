"""Kubernetes objects as a real cluster would hold them at T0."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from sentinel_fleet.times import rfc3339
from sentinel_fleet.world import ExporterPorts

JOB: dict[str, Any] = {"node": {"node": {}}, "other": {"node": {}}}


def _all(world, kind):
    return [item for item in world.objects() if item["kind"] == kind]


def _node(world):
    return next(item for item in _all(world, "Node") if item["metadata"]["name"] == world.trigger.node)


def _condition(node, name):
    return next(item for item in node["status"]["conditions"] if item["type"] == name)


def test_names_and_uids_are_unique(make_world):
    objects = list(make_world(draw={**JOB, "job": {"workload": {"on": ["node", "other"]}}}).objects())

    keys = Counter((item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in objects)
    uids = Counter(item["metadata"]["uid"] for item in objects)
    assert max(keys.values()) == 1
    assert max(uids.values()) == 1


def test_a_healthy_node_has_all_conditions_good(make_world):
    world = make_world()
    healthy = next(item for item in _all(world, "Node") if item["metadata"]["name"] != world.trigger.node)

    status = {item["type"]: item["status"] for item in healthy["status"]["conditions"]}

    assert status.pop("Ready") == "True"
    assert set(status.values()) == {"False"}
    assert {"KernelDeadlock", "GpuCount", "GpuXid", "GpuEcc", "GpuNvlink", "GpuThrottle", "IbDev"} <= status.keys()
    assert healthy["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert healthy["metadata"]["labels"]["nvidia.com/cuda.driver-version.full"] == "580.159.03"


def test_a_condition_turned_at_its_fact_and_beats_on(make_world, anchor):
    condition = _condition(_node(make_world()), "GpuXid")

    assert (condition["status"], condition["reason"]) == ("True", "GpuXidBad")
    assert condition["lastTransitionTime"] == rfc3339(anchor)
    assert rfc3339(anchor - 60) <= condition["lastHeartbeatTime"] <= rfc3339(anchor)


def test_a_condition_stays_as_it_was_through_a_boot(make_world, anchor):
    stale = {"condition": {"node": "${node}", "at": "-3d", "type": "GpuEcc", "status": "True", "reason": "GpuEccBad"}}
    boot = {"boot": {"node": "${node}", "at": "-2d", "clean": True}}

    node = _node(make_world([stale, boot]))

    assert _condition(node, "GpuEcc")["lastTransitionTime"] == rfc3339(anchor - 3 * 86400)
    assert _condition(node, "Ready")["lastTransitionTime"] > rfc3339(anchor - 2 * 86400)


def test_a_silent_kubelet_makes_its_conditions_unknown_and_the_node_tainted(make_world, anchor):
    silent = {
        "node": "${node}", "at": "-3m", "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.", "heartbeat": "45s",
    }  # fmt: skip
    world = make_world([{"condition": silent}])

    node = _node(world)

    assert _condition(node, "MemoryPressure")["status"] == "Unknown"
    assert _condition(node, "Ready")["lastHeartbeatTime"] == rfc3339(anchor - 225)
    keys = [taint["key"] for taint in node["spec"]["taints"]]
    assert keys.count("node.kubernetes.io/unreachable") == 2
    lease = next(item for item in _all(world, "Lease") if item["metadata"]["name"] == world.trigger.node)
    assert lease["spec"]["renewTime"][:19] == rfc3339(anchor - 225)[:19]


def test_managed_fields_tell_who_did_what(make_world, anchor):
    facts = [
        {"cordon": {"node": "${node}", "at": "-45m"}},
        {"annotate": {"node": "${node}", "at": "-40m", "by": "team-x-sa", "set": {"work/until": "@+1h"}}},
    ]

    node = _node(make_world(facts))

    entries = {item["manager"]: item for item in node["metadata"]["managedFields"]}
    assert node["spec"]["unschedulable"] is True
    assert node["metadata"]["annotations"]["work/until"] == rfc3339(anchor + 3600)
    assert entries["kubectl"]["fieldsV1"] == {"f:spec": {"f:unschedulable": {}}}
    assert entries["kubectl"]["time"] == rfc3339(anchor - 45 * 60)
    assert "f:work/until" in entries["team-x-sa"]["fieldsV1"]["f:metadata"]["f:annotations"]
    assert {"kubelet", "node-problem-detector", "gpu-feature-discovery"} <= entries.keys()


@pytest.mark.parametrize(
    ("kind", "owner", "label"),
    [
        ("Job", "Job", "job-name"),
        ("PyTorchJob", "PyTorchJob", "training.kubeflow.org/job-name"),
        ("JobSet", "Job", "jobset.sigs.k8s.io/jobset-name"),
        ("MPIJob", "MPIJob", "training.kubeflow.org/job-name"),
    ],
)
def test_a_gang_has_one_gpu_pod_per_node_owned_as_its_kind_does(make_world, kind, owner, label):
    draw = {**JOB, "job": {"workload": {"on": ["node", "other"], "kind": kind}}}
    world = make_world(draw=draw)
    job = world.plan.workloads[0]

    pods = [pod for pod in _all(world, "Pod") if pod["metadata"]["labels"].get(label) == job.name]
    gpu_pods = [pod for pod in pods if pod["spec"]["containers"][0]["resources"]]

    assert {pod["spec"]["nodeName"] for pod in gpu_pods} == set(job.nodes)
    assert {pod["metadata"]["ownerReferences"][0]["kind"] for pod in pods} == {owner}
    assert any(item["metadata"]["name"] == job.name for item in _all(world, kind))
    assert any(item["metadata"]["name"] == f"{job.name}-gang" for item in _all(world, "PodDisruptionBudget"))


def test_a_pod_that_a_fact_fails_says_so(make_world):
    fail = {
        "name": "${job.pod}", "namespace": "${job.namespace}", "at": "-5m", "phase": "Failed",
        "containers": [{"name": "${job.container}", "state": "terminated", "reason": "OOMKilled", "exit_code": 137}],
    }  # fmt: skip
    world = make_world([{"pod": fail}], draw={**JOB, "job": {"workload": {"on": "node"}}})

    pod = next(item for item in _all(world, "Pod") if item["metadata"]["name"] == world.plan.workloads[0].pods[0].name)

    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (pod["status"]["phase"], ended["reason"], ended["exitCode"]) == ("Failed", "OOMKilled", 137)


def test_an_unscheduled_pod_shows_the_schedulers_reason(make_world):
    message = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu."
    world = make_world(
        [{"pod": {"name": "p", "namespace": "team-a", "gpus": 8, "phase": "Pending", "message": message}}]
    )

    pod = next(item for item in _all(world, "Pod") if item["metadata"]["name"] == "p")

    assert "nodeName" not in pod["spec"]
    assert pod["status"]["conditions"][0]["message"] == message
    event = next(item for item in _all(world, "Event") if item["reason"] == "FailedScheduling")
    assert event["involvedObject"]["uid"] == pod["metadata"]["uid"]


def test_exporter_pods_declare_the_real_ports_at_addresses_of_their_own(make_world):
    world = make_world()

    pods = [item for item in world.objects(ExporterPorts(31001, 31002)) if item["kind"] == "Pod"]

    dcgm = [pod for pod in pods if pod["metadata"]["labels"].get("app.kubernetes.io/name") == "dcgm-exporter"]
    ports = {pod["spec"]["containers"][0]["ports"][0]["containerPort"] for pod in dcgm}
    addresses = {pod["status"]["podIP"]: pod["spec"]["nodeName"] for pod in dcgm}
    assert ports == {31001}
    assert len(addresses) == 4
    assert all(world.node_of_exporter(address) == node for address, node in addresses.items())


def test_a_broken_rollout_shows_in_daemonset_pods_events_and_metrics(make_world, read, anchor):
    broken = {
        "name": "nvidia-dcgm-exporter", "at": "-30m", "image": "registry.example/dcgm:bad", "broken_on": "${node}",
        "waiting": "ImagePullBackOff", "message": "manifest unknown",
    }  # fmt: skip
    world = make_world([{"daemonset": broken}])
    node = world.trigger.node

    daemonset = next(item for item in _all(world, "DaemonSet") if item["metadata"]["name"] == broken["name"])
    pods = [p for p in _all(world, "Pod") if p["metadata"]["name"].startswith(broken["name"])]
    waiting = [p for p in pods if "waiting" in p["status"]["containerStatuses"][0]["state"]]

    assert (daemonset["status"]["numberReady"], daemonset["status"]["numberUnavailable"]) == (3, 1)
    assert [pod["spec"]["nodeName"] for pod in waiting] == [node]
    assert read(world, "up", by="job", node=node)["dcgm-exporter"][-1][1] == 0.0
    assert any(item["message"] == "manifest unknown" for item in _all(world, "Event"))


def test_a_pod_first_seen_failed_had_run_before(make_world):
    failed = {"name": "old-x", "namespace": "team-a", "node": "${node}", "gpus": 8, "at": "-3h", "phase": "Failed"}
    world = make_world([{"pod": failed}])

    pod = next(item for item in _all(world, "Pod") if item["metadata"]["name"] == "old-x")

    assert pod["metadata"]["creationTimestamp"] < rfc3339(world.anchor - 3 * 3600 - 1700)


def test_gcm_conditions_are_on_all_nodes_once_a_fact_speaks_of_one(make_world):
    bad = {"condition": {"node": "${node}", "type": "GcmXidErrorsProblem", "status": "True", "reason": "R"}}

    nodes = _all(make_world([bad]), "Node")

    assert all(sum(c["type"].startswith("Gcm") for c in node["status"]["conditions"]) == 6 for node in nodes)


def test_an_alert_has_alertmanagers_shape_while_it_fires(make_world, anchor):
    alert = {"name": "GpuHot", "node": "${node}", "gpu": "${gpu}", "at": "-5m", "until": "+5m", "labels": {"xid": "79"}}
    world = make_world([{"alert": alert}])

    firing = world.alerts(anchor)

    assert firing[0]["labels"]["alertname"] == "GpuHot"
    assert firing[0]["labels"]["UUID"] == world.fleet.gpu(world.trigger.node, world.names["gpu"]).uuid
    assert firing[0]["status"]["state"] == "active"
    assert world.alerts(anchor - 400) == []
    assert world.alerts(anchor + 301) == []
