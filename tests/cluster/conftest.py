"""One real control plane for each test process, and what each test gets of it for itself: nodes, a namespace, clients.

These tests are run by ``make test-cluster`` and by who names this folder; all others pass it by, for they need programs
that are built first. Tests of one process share the cluster one after the other: each names its nodes and its namespace
anew, and its nodes are gone afterwards.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import control_plane, write_kubeconfig
from tests.cluster.servers import until
from tests.cluster.things import Object, account, gpu_node, named

from gcm_sentinel.clients.kubernetes import KubernetesClient

_HERE = Path(__file__).parent
_READY_WITHIN_S = 60
_TEST_WITHIN_S = 400
_NUMBERS = itertools.count(1)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether somebody asked for these tests; None leaves the answer to others."""
    asked = "cluster" in config.option.markexpr
    named_here = any(_HERE in (path, *path.parents) for path in map(_absolute, config.args))
    return None if asked or named_here else True


def _absolute(argument: str) -> Path:
    return Path(argument.partition("::")[0]).absolute()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Every test in this folder is one of a real cluster, and the first one waits until that has started."""
    item.add_marker(pytest.mark.cluster)
    item.add_marker(pytest.mark.timeout(_TEST_WITHIN_S))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The running cluster of this process."""
    with control_plane(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own, with the service account that its pods need."""
    name = f"team-{next(_NUMBERS)}"
    cluster.admin.create(named("Namespace", name))
    path = f"/api/v1/namespaces/{name}"
    until(lambda: cluster.admin.find(f"{path}/serviceaccounts/default") is not None, _READY_WITHIN_S, "an account")
    yield name
    cluster.admin.delete(path)


@pytest.fixture
def make_node(cluster: Cluster) -> Iterator[Callable[..., str]]:
    """Makes a ready GPU node and gives its name: ``make_node(condition(...), gpus=8, rack="r1")``."""
    made: list[str] = []

    def make(*conditions: Object, **parts: object) -> str:
        name = f"gpu-{next(_NUMBERS)}"
        made.append(name)
        cluster.admin.create(gpu_node(name, *conditions, **parts))  # type: ignore[arg-type]  # as gpu_node takes them
        until(lambda: _is_ready(cluster.admin.get(f"/api/v1/nodes/{name}")), _READY_WITHIN_S, f"{name} is ready")
        return name

    yield make
    for name in made:
        cluster.admin.delete(f"/api/v1/nodes/{name}")


def _is_ready(node: Object) -> bool:
    ready = any(
        found["type"] == "Ready" and found["status"] == "True" for found in node["status"].get("conditions", ())
    )
    taints = node["spec"].get("taints", ())
    return ready and not any(taint["key"] == "node.kubernetes.io/not-ready" for taint in taints)


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[KubernetesClient]:
    """Our client, as the administrator."""
    connected = await KubernetesClient.connect(kubeconfig=cluster.kubeconfig, timeout=timedelta(seconds=30))
    yield connected
    await connected.aclose()


@pytest.fixture
async def as_account(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[KubernetesClient]]]:
    """Our client as a service account of the test's namespace that may do what the rules say."""
    made: list[KubernetesClient] = []

    async def connect(*rules: Object, name: str = "agent") -> KubernetesClient:
        cluster.admin.create(account(name, namespace))
        allow(cluster, namespace, name, *rules)
        path = tmp_path / f"{name}.kubeconfig"
        write_kubeconfig(path, cluster.url, cluster.ca, cluster.token(namespace, name))
        made.append(await KubernetesClient.connect(kubeconfig=path, timeout=timedelta(seconds=30)))
        return made[-1]

    yield connect
    for client in made:
        await client.aclose()


def allow(cluster: Cluster, namespace: str, name: str, *rules: Object) -> None:
    """Let a service account do, in the whole cluster, what the rules say."""
    api, both = "rbac.authorization.k8s.io", f"{namespace}-{name}"
    role = {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": {"name": both}, "rules": list(rules)}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    reference = {"apiGroup": api, "kind": "ClusterRole", "name": both}
    binding = {"apiVersion": f"{api}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": both}}
    cluster.admin.create(role)
    cluster.admin.create({**binding, "roleRef": reference, "subjects": [subject]})
