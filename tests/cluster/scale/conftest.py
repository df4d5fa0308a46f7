"""An API server of its own with a thousand nodes in it, which nobody but the tests changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import control_plane
from tests.cluster.scale.fleet import node_names, put_nodes

from gcm_sentinel.clients.kubernetes import KubernetesClient

NODES = 1000


@pytest.fixture(scope="module")
def large_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The running API server."""
    with control_plane(tmp_path_factory.mktemp("large"), controllers=False) as running:
        asyncio.run(put_nodes(running, node_names(NODES)))
        yield running


@pytest.fixture
async def client(large_cluster: Cluster) -> AsyncIterator[KubernetesClient]:
    """Our client of it."""
    connected = await KubernetesClient.connect(kubeconfig=large_cluster.kubeconfig, timeout=timedelta(seconds=30))
    yield connected
    await connected.aclose()
