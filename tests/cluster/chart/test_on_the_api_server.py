"""The chart on a real API server: it is taken, changed, taken back and removed, and RBAC answers as the mode says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cluster.chart.rendering import CHART, CI, ON_NODES
from tests.cluster.control_plane import write_kubeconfig

from gcm_sentinel.app.doctor_rights import RIGHTS
from gcm_sentinel.domain.modes import Mode, permits

CONFINED = [values for values in CI if values not in ON_NODES]
TRIED = [
    *("patch nodes", "create pods/eviction", "update nodes", "delete nodes", "patch nodes/status", "delete pods"),
    *("create pods/exec", "get secrets", "get configmaps", "get nodes/proxy", "create serviceaccounts/token"),
]


@pytest.mark.parametrize("values", CONFINED, ids=lambda path: path.name)
def test_it_is_installed_changed_taken_back_and_removed(release, values):
    release.helm("install", str(CHART))
    before = release.deployment()["spec"]["template"]

    release.helm("upgrade", str(CHART), "--reset-values", "--values", str(values))
    release.helm("rollback", "1")
    after = release.deployment()["spec"]["template"]
    release.helm("uninstall")

    assert after == before
    assert release.deployment() is None


@pytest.mark.parametrize("values", CONFINED, ids=lambda path: path.name)
def test_every_values_file_for_confined_pods_can_be_installed_at_once(release, values):
    told = release.helm("install", str(CHART), "--values", str(values))

    assert "STATUS: deployed" in told
    assert release.deployment() is not None


def test_nothing_is_left_behind_but_a_claim_that_is_to_stay(release):
    release.helm("install", str(CHART), "--set", "sentinel.actionMode=execute,persistence.enabled=true")
    release.helm("uninstall")

    kinds = "all,configmap,secret,serviceaccount,role,rolebinding,clusterrole,clusterrolebinding,pvc"
    mine = ("--all-namespaces", "--selector", f"app.kubernetes.io/instance={release.name}", "--output", "name")
    claim = f"persistentvolumeclaim/{release.name}-gcm-sentinel"
    told = release.cluster.kubectl("get", kinds, *mine).split()
    assert [one for one in told if not one.startswith(("pod/", "replicaset"))] == [claim]


def test_postgresql_can_be_left_for_sqlite_again(release):
    release.helm("install", str(CHART), "--set", "database.existingSecret=database")

    release.helm("upgrade", str(CHART), "--reset-values")

    assert release.deployment()["spec"]["strategy"] == {"type": "Recreate"}


def test_a_rolled_one_of_the_original_chart_is_taken_over_by_a_client_side_upgrade(release):
    """Nobody owns what the API server filled in, so a server-side one would leave it and be refused."""
    release.helm("install", str(CHART), "--set", "strategy.type=RollingUpdate,database.existingSecret=database")

    release.helm("upgrade", str(CHART), "--reset-values", "--server-side=false")

    assert release.deployment()["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("mode", list(Mode))
def test_the_agent_itself_finds_every_right_it_asks_about(release, mode, tmp_path):
    release.helm("install", str(CHART), "--set", f"sentinel.actionMode={mode}")

    rights = [found for found in doctor(release, tmp_path)["findings"] if found["area"] == "rbac"]

    assert [found["name"] for found in rights if not found["ok"]] == ["get nodes/proxy"]
    assert len(rights) >= len([right for right in RIGHTS if permits(mode, right.effect).allowed])


def doctor(release, folder):
    """What `gcm-sentinel doctor` says with the settings of the ConfigMap and the ServiceAccount's token."""
    account = f"{release.name}-gcm-sentinel"
    token = release.cluster.token(release.namespace, account)
    write_kubeconfig(folder / "config", release.cluster.url, release.cluster.ca, token)
    path = f"/api/v1/namespaces/{release.namespace}/configmaps/{account}"
    here = {"GCM_SENTINEL_KUBECONFIG": str(folder / "config"), "GCM_SENTINEL_STATE_DIR": str(folder / "state")}
    nowhere = {"GCM_SENTINEL_PROMETHEUS_URL": "", "GCM_SENTINEL_ALERTMANAGER_URL": ""}
    program = str(Path(sys.executable).with_name("gcm-sentinel"))
    environment = os.environ | release.cluster.admin.get(path)["data"] | here | nowhere
    command = [program, "doctor", "--output", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("mode", "writes"),
    [
        ("recommend", set()),
        ("annotate", {"patch nodes"}),
        ("approve", {"patch nodes", "create pods/eviction"}),
        ("execute", {"patch nodes", "create pods/eviction"}),
    ],
)
def test_the_api_server_lets_a_mode_write_what_it_needs_and_refuses_the_rest(release, mode, writes):
    release.helm("install", str(CHART), "--set", f"sentinel.actionMode={mode}")

    assert {one for one in TRIED if release.may(*one.split())} == writes
    assert release.may("create", "events", namespace="default")
    assert not release.may("create", "events", namespace=release.namespace)
    assert release.may("patch", "events", namespace="default") is (mode in {"approve", "execute"})
