"""Agents at work, each started once and looked at by many tests: one as the documentation installs it, one per mode.

Each watches nodes of its own, by the allow-list. What an agent has to do is seen through, and it has ended, before the
first test looks at it: what it wrote is all that it ever wrote, and what happens to the API server meets nobody.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.cluster.agent.acting_site import Approving, Executing, approving_site, executing_site
from tests.cluster.agent.agents import Release, Running, at_work, plain_node, sick_node
from tests.cluster.agent.world import XID
from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import control_plane
from tests.cluster.servers import free_ports
from tests.cluster.things import deployment, named

_BLOCK = re.compile(r"^helm install gcm-sentinel \./charts.*?(?=^```)", re.MULTILINE | re.DOTALL)
_DOCUMENTED = Path(__file__).parents[3] / "docs" / "install.md"
GUIDE = _BLOCK.findall(_DOCUMENTED.read_text())[0].replace("YOUR_GPU_NODE_NAME", "guide-1")
"""The documentation's first command with the name of a node."""
KEY = "create secret generic gcm-sentinel-llm --namespace monitoring --from-literal=api-key=YOUR_KEY"
NOWHERE = ("--set", "prometheus.url=,alertmanager.url=,sentinel.settings.settle_seconds=0.2")
"""For those that are not about the documentation: nothing is waited for that is not there."""

_TEST_WITHIN_S = 1200
"""The first test waits for the control plane and up to four agents, one after the other: 70 s on two busy cores."""

Start = Callable[..., AbstractContextManager[Running]]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Goes before the limit of the other cluster tests."""
    item.add_marker(pytest.mark.timeout(_TEST_WITHIN_S), append=False)


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane of their own: they install kinds that others ask for in vain, and leave nodes that take pods."""
    with control_plane(tmp_path_factory.mktemp("agents")) as running:
        yield running


@pytest.fixture(scope="package")
def start(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """``start("annotate", "--set", ...)``: an agent of that mode in a namespace named so, which is there already.

    With ``name="blind"`` the namespace, and what its nodes are named, is that and not the mode.
    """
    cluster.admin.create(plain_node(cluster, "for-agents"))

    @contextmanager
    def begin(mode: str, *arguments: str, name: str = "") -> Iterator[Running]:
        (port,) = free_ports(1)
        where = name or mode
        mine = ("--set", f"sentinel.actionMode={mode},sentinel.nodeAllowlist={where}-*,service.port={port}")
        release = Release(where, where, (*NOWHERE, *mine, *arguments))
        with at_work(cluster, release, tmp_path_factory.mktemp(where)) as found:
            yield found

    yield begin
    cluster.admin.delete("/api/v1/nodes/for-agents")


@pytest.fixture(scope="package")
def guide(cluster: Cluster, start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The agent of the documentation's commands; it has published what it found of ``guide-1``."""
    cluster.kubectl("create", "namespace", "monitoring")
    cluster.kubectl(*shlex.split(KEY))
    nodes = ("guide-1", "elsewhere-1")
    words = shlex.split(GUIDE.replace("\\\n", " "))
    assert words[:4] == ["helm", "install", "gcm-sentinel", "./charts/gcm-sentinel"]
    with nodes_of(cluster, *nodes):
        release = Release("gcm-sentinel", "monitoring", tuple(words[4:]))
        with at_work(cluster, release, tmp_path_factory.mktemp("guide"), log=cluster.kubelet.log) as found:
            found.until(lambda: found.events("guide-1"), "the verdict is published")
            yield found.ended()
    cluster.admin.delete("/api/v1/namespaces/monitoring")


@pytest.fixture(scope="package")
def annotating(cluster: Cluster, start: Start) -> Iterator[Running]:
    """One that annotates, without a key: the playbook engine has said what it thinks of ``annotate-1``."""
    with namespace_of(cluster, "annotate"), nodes_of(cluster, "annotate-1"):
        cluster.admin.create(deployment("train", "annotate", 1, node="annotate-1", gpus=8))
        with start("annotate") as found:
            path = "/api/v1/nodes/annotate-1"
            annotated = "gcm-sentinel/severity"
            found.until(lambda: annotated in cluster.admin.get(path)["metadata"]["annotations"], "it is annotated")
            found.until(lambda: found.events("annotate-1"), "the verdict is published")
            yield found.ended()


@pytest.fixture(scope="package")
def approving(cluster: Cluster, start: Start) -> Iterator[Approving]:
    """One that asks, and was told yes: a model wanted ``approve-1`` cordoned."""
    with namespace_of(cluster, "approve"), nodes_of(cluster, "approve-1"), approving_site(cluster, start) as found:
        yield found


@pytest.fixture(scope="package")
def executing(cluster: Cluster, start: Start) -> Iterator[Executing]:
    """One that acts by itself: a model wanted something else done about each of its nodes, and it was done."""
    with namespace_of(cluster, "execute"), executing_site(cluster, start) as found:
        yield found


@contextmanager
def namespace_of(cluster: Cluster, name: str) -> Iterator[None]:
    """A namespace, for so long."""
    cluster.admin.create(named("Namespace", name))
    yield
    cluster.admin.delete(f"/api/v1/namespaces/{name}")


@contextmanager
def nodes_of(cluster: Cluster, *names: str) -> Iterator[None]:
    """Nodes with a GPU off the bus, for so long."""
    for name in names:
        cluster.admin.create(sick_node(cluster, name, XID))
    yield
    for name in names:
        cluster.admin.delete(f"/api/v1/nodes/{name}")
