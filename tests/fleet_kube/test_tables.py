"""Tables: what kubectl prints."""

from __future__ import annotations

import pytest

from sentinel_fleet.kube.instants import human_duration, parse_instant
from sentinel_fleet.kube.printers import job_cells, pod_cells

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
NOW = 1_800_000_000.0


async def test_prints_nodes(api):
    api.store.patch("nodes", "gpu-1", {"spec": {"unschedulable": True}})
    api.store.patch("nodes", "gpu-2", {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})

    answer = await api.get("/api/v1/nodes", headers=TABLE, limit=2)

    columns = [column["name"] for column in answer.json["columnDefinitions"] if not column["priority"]]
    assert columns == ["Name", "Status", "Roles", "Age", "Version"]
    assert [row["cells"][1] for row in answer.json["rows"]] == ["Ready,SchedulingDisabled", "NotReady"]
    assert answer.json["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert answer.json["metadata"]["remainingItemCount"] == 1


async def test_prints_one_object(api):
    answer = await api.get("/api/v1/nodes/gpu-1", headers=TABLE, includeObject="Object")

    (row,) = answer.json["rows"]
    assert (row["cells"][0], row["object"]["kind"]) == ("gpu-1", "Node")


async def test_a_watch_sends_column_definitions_once(api):
    async with api.session.get("/api/v1/nodes", params={"watch": "1"}, headers=TABLE) as response:
        lines = [await response.content.readline() for _ in range(2)]

    assert [b'"columnDefinitions":[]' in line for line in lines] == [False, True]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/events",
        "/api/v1/namespaces",
        "/api/v1/services",
        "/api/v1/configmaps",
        "/apis/apps/v1/daemonsets",
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/replicasets",
        "/apis/apps/v1/statefulsets",
        "/apis/apps/v1/controllerrevisions",
        "/apis/batch/v1/jobs",
        "/apis/batch/v1/cronjobs",
        "/apis/coordination.k8s.io/v1/leases",
        "/apis/policy/v1/poddisruptionbudgets",
        "/apis/events.k8s.io/v1/events",
        "/apis/kubeflow.org/v1/pytorchjobs",
    ],
)
async def test_every_row_has_a_cell_for_every_column(api, path):
    kinds = {"services": "Service", "leases": "Lease"}
    plural = path.rsplit("/", 1)[1]
    group_version = path.split("/", 2)[2].rsplit("/", 1)[0]
    kind = kinds.get(plural) or next(r["kind"] for r in _rows(plural))
    version = group_version if "events.k8s.io" not in group_version else "v1"
    metadata = {"name": "x"} if plural == "namespaces" else {"name": "x", "namespace": "team-a"}
    api.store.put({"apiVersion": version, "kind": kind, "metadata": metadata})

    answer = await api.get(path, headers=TABLE)

    assert {len(row["cells"]) for row in answer.json["rows"]} == {len(answer.json["columnDefinitions"])}


def _rows(plural):
    from sentinel_fleet.kube.resources import RESOURCES

    return [{"kind": resource.kind} for resource in RESOURCES if resource.plural == plural]


@pytest.mark.parametrize(
    ("status", "cells"),
    [
        pytest.param({"phase": "Pending"}, ["0/1", "Pending", "0"], id="pending"),
        pytest.param(
            {
                "phase": "Running",
                "containerStatuses": [
                    {
                        "restartCount": 4,
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": {"finishedAt": "2027-01-15T07:55:00Z"}},
                    }
                ],
            },
            ["0/1", "CrashLoopBackOff", "4 (5m ago)"],
            id="crash loop",
        ),
        pytest.param(
            {
                "phase": "Failed",
                "containerStatuses": [{"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}],
            },
            ["0/1", "OOMKilled", "0"],
            id="killed",
        ),
        pytest.param(
            {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 2}}}]},
            ["0/1", "ExitCode:2", "0"],
            id="exit code",
        ),
        pytest.param({"phase": "Failed", "reason": "Evicted"}, ["0/1", "Evicted", "0"], id="evicted"),
        pytest.param(
            {"phase": "Pending", "initContainerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
            ["0/1", "Init:ImagePullBackOff", "0"],
            id="init",
        ),
        pytest.param(
            {"phase": "Pending", "initContainerStatuses": [{"state": {"running": {}}}]},
            ["0/1", "Init:0/1", "0"],
            id="initialising",
        ),
    ],
)
def test_derives_the_status_of_a_pod(make_pod, status, cells):
    pod = {**make_pod("x"), "status": status}

    assert pod_cells(pod, NOW)[1:4] == cells


def test_a_deleted_pod_is_terminating(make_pod):
    assert pod_cells(make_pod("x", deletionTimestamp="2027-01-15T08:00:00Z"), NOW)[2] == "Terminating"


@pytest.mark.parametrize(
    ("condition", "status"),
    [("Complete", "Complete"), ("Failed", "Failed"), ("Suspended", "Suspended"), ("", "Running")],
)
def test_derives_the_status_of_a_job(condition, status):
    conditions = [{"type": condition, "status": "True"}] if condition else []
    job = {"metadata": {"name": "j"}, "spec": {"completions": 2}, "status": {"succeeded": 1, "conditions": conditions}}

    assert job_cells(job, NOW)[1:3] == [status, "1/2"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (130, "2m10s"),
        (600, "10m"),
        (3600 * 3 + 60, "3h1m"),
        (3600 * 47, "47h"),
        (86400 * 3, "3d"),
        (86400 * 3 + 3600, "3d1h"),
        (86400 * 400, "400d"),
        (86400 * 800, "2y70d"),
        (86400 * 365 * 9, "9y"),
    ],
)
def test_ages_read_as_kubectls(seconds, text):
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15T08:00:00.123456789Z", NOW + 0.123456),
        ("2027-01-15T09:00:00+01:00", NOW),
        ("2027-01-15T08:00:00", None),
        ("soon", None),
        (None, None),
    ],
)
def test_reads_timestamps(text, at):
    assert parse_instant(text) == at
