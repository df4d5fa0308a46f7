"""Who wants to know the fleet is told of every node there is, healthy or not, and of every one that goes."""

from __future__ import annotations

import pytest

T1 = "2026-11-20T19:01:00Z"


class Roster:
    """Remembers the labels of the nodes there are."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, str]] = {}

    def seen(self, node, labels):
        self.nodes[node] = dict(labels)

    def gone(self, node):
        self.nodes.pop(node, None)


@pytest.fixture
def roster():
    return Roster()


def label(cluster, name, **labels):
    cluster.store.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})


async def test_every_node_is_seen_with_its_labels(cluster, start, roster):
    label(cluster, "gpu-1", rack="a")
    cluster.node("gpu-2", ("GpuXid", "True", T1))

    told = await start(cluster, observer=roster)
    await told.following(cluster)

    assert roster.nodes == {"gpu-1": {"rack": "a"}, "gpu-2": {}}


async def test_nodes_outside_the_allow_list_are_seen_too(cluster, start, roster):
    label(cluster, "gpu-1", rack="a")

    told = await start(cluster, observer=roster, allowlist=("gpu-9",))
    await told.following(cluster)

    assert roster.nodes == {"gpu-1": {"rack": "a"}}


async def test_changed_labels_and_deleted_nodes_are_told_as_they_happen(cluster, start, roster):
    label(cluster, "gpu-1", rack="a")
    label(cluster, "gpu-2", rack="a")
    told = await start(cluster, observer=roster)
    await told.following(cluster)

    label(cluster, "gpu-1", rack="b")
    cluster.store.delete("nodes", "gpu-2")

    await told.until(lambda: roster.nodes == {"gpu-1": {"rack": "b"}})


async def test_a_healthy_node_that_went_during_an_outage_is_told(expiring_cluster, start, roster):
    cluster = expiring_cluster
    label(cluster, "gpu-1", rack="a")
    label(cluster, "gpu-2", rack="a")
    told = await start(cluster, observer=roster)
    await told.following(cluster)

    cluster.faults.kubernetes = "503"
    cluster.store.end_watches("drop")
    cluster.store.delete("nodes", "gpu-2")
    cluster.store.compact()
    cluster.faults.kubernetes = None

    await told.until(lambda: roster.nodes == {"gpu-1": {"rack": "a"}})
