"""sentinel-node on a real API server: it is taken, its pods run on GPU nodes with taints, what they need is known."""

from __future__ import annotations

import re

import pytest
from tests.cluster.chart.rendering import CHART, NAME, ON_NODES, render
from tests.cluster.servers import until

GPU = {"nvidia.com/gpu.present": "true"}
WITHIN_S = 60
ALONE = "sentinel.node.enabled=true,sentinel.node.service.enabled=false"
CONFINED = "sentinel.node.hostPID=false,sentinel.node.journal.hostPath="
TAINTS = [{"key": "gcm-sentinel/faulty", "effect": "NoExecute"}, {"key": "nvidia.com/gpu", "effect": "NoSchedule"}]


@pytest.mark.parametrize("values", ON_NODES, ids=lambda path: path.name)
def test_it_is_installed_changed_taken_back_and_removed(node_release, values):
    told = node_release.helm("install", str(CHART), "--values", str(values))
    before = daemon_set(node_release)["spec"]["template"]

    node_release.helm("upgrade", str(CHART), "--reuse-values", "--set", "sentinel.node.probes=light")
    node_release.helm("rollback", "1")
    after = daemon_set(node_release)["spec"]["template"]
    node_release.helm("uninstall")

    assert "STATUS: deployed" in told
    assert after == before
    assert daemon_set(node_release) is None


def daemon_set(release):
    return release.cluster.admin.find(
        f"/apis/apps/v1/namespaces/{release.namespace}/daemonsets/{release.name}-gcm-sentinel-node"
    )


def test_its_pods_run_on_gpu_nodes_whatever_their_taints_and_on_no_other(node_release, make_node):
    tainted, clean, other = make_node(**GPU), make_node(**GPU), make_node()
    taint(node_release.cluster, tainted)

    node_release.helm("install", str(CHART), "--values", str(ON_NODES[0]))

    until(lambda: {tainted, clean} <= running_on(node_release), WITHIN_S, "its pods run")
    assert other not in running_on(node_release)
    assert daemon_set(node_release)["status"]["desiredNumberScheduled"] == len({tainted, clean})


def taint(cluster, node):
    for one in TAINTS:
        cluster.kubectl("taint", "node", node, f"{one['key']}=yes:{one['effect']}")


def running_on(release):
    """The nodes where a pod of the node agent runs."""
    found = release.cluster.admin.get(f"/api/v1/namespaces/{release.namespace}/pods")["items"]
    ours = [pod for pod in found if pod["metadata"]["labels"]["app"] == "sentinel-node"]
    return {pod["spec"]["nodeName"] for pod in ours if pod["status"]["phase"] == "Running"}


@pytest.mark.parametrize(
    ("values", "level", "too_much"),
    [
        ("", "baseline", 'host namespaces (hostPID=true), hostPath volumes (volume "journal")'),
        (CONFINED, "restricted", ""),
        (f"{CONFINED},sentinel.node.buffer.hostPath=/a", "baseline", 'hostPath volumes (volume "state")'),
        (
            f"{CONFINED},sentinel.node.kernelMessages=true",
            "baseline",
            'privileged (container "sentinel-node" must not set securityContext.privileged=true)',
        ),
    ],
    ids=["by default", "without process numbers and journal", "with a buffer on the node", "with kernel messages"],
)
def test_pod_security_objects_to_what_was_asked_of_the_node_and_nothing_else(
    cluster, namespace, values, level, too_much
):
    cluster.kubectl("label", "namespace", namespace, f"pod-security.kubernetes.io/warn={level}")
    made = render("--set", f"{ALONE},{values}".rstrip(",")).one("DaemonSet", f"{NAME}-node")
    made["metadata"]["namespace"] = namespace

    answer = cluster.admin.ask("POST", f"/apis/apps/v1/namespaces/{namespace}/daemonsets?dryRun=All", made)

    assert answer.status_code == 201, answer.text
    assert objections(answer.headers.get("warning", "")) == too_much


def objections(warning):
    """What Pod Security says about a pod, from the header of an answer."""
    words = re.fullmatch(r'299 - "would violate PodSecurity \\".*?\\": (.*)"', warning)
    return words[1].replace('\\"', '"') if words else warning
