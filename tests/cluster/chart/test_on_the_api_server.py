"""The chart on a real API server: it is taken, changed, taken back and removed, and RBAC answers as the mode says."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cluster.chart.rendering import CHART, CI, helm
from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import write_kubeconfig

from gcm_sentinel.app.doctor_rights import RIGHTS
from gcm_sentinel.domain.modes import Mode, permits

NUMBERS = itertools.count(1)
OPERATOR = {"servicemonitors": "ServiceMonitor", "prometheusrules": "PrometheusRule"}
"""Of the Prometheus operator, whose own definitions are not needed to see that ours are made."""
TRIED = [
    *("patch nodes", "create pods/eviction", "update nodes", "delete nodes", "patch nodes/status", "delete pods"),
    *("create pods/exec", "get secrets", "get configmaps", "get nodes/proxy", "create serviceaccounts/token"),
]
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Installed:
    """A release in a namespace of its own."""

    cluster: Cluster
    name: str
    namespace: str

    def helm(self, verb: str, *arguments: str) -> str:
        """What Helm prints; it must neither fail nor be warned by the API server."""
        where = ("--namespace", self.namespace, "--kubeconfig", str(self.cluster.kubeconfig))
        done = helm(verb, self.name, *arguments, *where)
        assert (done.returncode, "warning" in done.stderr.lower()) == (0, False), done.stderr
        return done.stdout

    def deployment(self):
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.name}-gcm-sentinel"
        return self.cluster.admin.find(path)

    def may(self, verb: str, resource: str, *, group: str = "", namespace: str = "") -> bool:
        """Whether the agent's ServiceAccount may do it, as the API server says."""
        plural, _, part = resource.partition("/")
        asked = {"verb": verb, "resource": plural, "group": group, "namespace": namespace, "subresource": part}
        account = f"system:serviceaccount:{self.namespace}:{self.name}-gcm-sentinel"
        spec = {"user": account, "resourceAttributes": asked}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        return bool(self.cluster.admin.ask("POST", REVIEWS, body).json()["status"]["allowed"])


@pytest.fixture(scope="module", autouse=True)
def operator(cluster):
    """The kinds of the Prometheus operator, taking anything."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    for plural, kind in OPERATOR.items():
        group = "monitoring.coreos.com"
        names = {"plural": plural, "kind": kind, "singular": kind.lower()}
        spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
        definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(definition | {"metadata": {"name": f"{plural}.{group}"}}))
    wanted = [f"crd/{plural}.monitoring.coreos.com" for plural in OPERATOR]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *wanted)


@pytest.fixture
def release(cluster, namespace):
    """A release that is still to be installed, where nothing but confined pods is taken; it is gone afterwards."""
    rules = [f"pod-security.kubernetes.io/{what}=restricted" for what in ("enforce", "warn")]
    cluster.kubectl("label", "namespace", namespace, *rules)
    found = Installed(cluster, f"watch-{next(NUMBERS)}", namespace)
    yield found
    if found.deployment():
        found.helm("uninstall")


@pytest.mark.parametrize("values", CI, ids=lambda path: path.name)
def test_it_is_installed_changed_taken_back_and_removed(release, values):
    release.helm("install", str(CHART))
    before = release.deployment()["spec"]["template"]

    release.helm("upgrade", str(CHART), "--reset-values", "--values", str(values))
    release.helm("rollback", "1")
    after = release.deployment()["spec"]["template"]
    release.helm("uninstall")

    assert after == before
    assert release.deployment() is None


@pytest.mark.parametrize("values", CI, ids=lambda path: path.name)
def test_every_values_file_can_be_installed_at_once(release, values):
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
