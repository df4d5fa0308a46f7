"""Our client lists and follows nodes of a real API server as the watcher does."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta

import pytest
from tests.cluster.things import condition

from gcm_sentinel.clients.kubernetes import KubeObject, KubernetesClient, WatchTimes
from gcm_sentinel.domain.errors import NotFound, Rejected

NODES = "/api/v1/nodes"
XID = condition("GcmXidErrorsProblem", "True", "GcmXidErrorsCheckFailed", "Xid 79 on GPU 5")


def only(node):
    return {"fieldSelector": f"metadata.name={node}"}


@pytest.fixture
async def quick(cluster):
    """A client whose watches end after a few seconds."""
    times = WatchTimes(timedelta(seconds=3), timedelta(seconds=3))
    async with aclosing(await KubernetesClient.connect(kubeconfig=cluster.kubeconfig, watch_times=times)) as client:
        yield client


async def events_until(client, node, since, kind):
    """What a watch of one node shows, up to the first event of that kind."""
    seen = []
    async with asyncio.timeout(60), aclosing(client.watch(NODES, resource_version=since, params=only(node))) as batches:
        async for batch in batches:
            seen += batch
            if kind in [event["type"] for event in seen]:
                return seen
    return seen


async def test_a_node_says_what_its_problem_detector_found(client, make_node):
    name = make_node(XID)

    node = await client.get(f"{NODES}/{name}")

    assert {found["type"]: found["reason"] for found in node["status"]["conditions"]} == {
        "GcmXidErrorsProblem": "GcmXidErrorsCheckFailed",
        "Ready": "KubeletReady",
    }
    assert node["status"]["capacity"]["nvidia.com/gpu"] == "8"


async def test_a_list_comes_in_pages(client, make_node):
    names = [make_node(rack="paged") for _ in range(5)]

    pages = [page async for page in client.pages(NODES, {"labelSelector": "rack=paged"}, page=2)]

    assert [item["metadata"]["name"] for page in pages for item in page.items] == sorted(names)
    assert [(len(page.items), page.first) for page in pages] == [(2, True), (2, False), (1, False)]


async def test_a_list_whose_versions_were_compacted_meanwhile_is_whole_all_the_same(client, cluster, make_node):
    names = [make_node(rack="compacted") for _ in range(3)]
    items: list[KubeObject] = []

    async for page in client.pages(NODES, {"labelSelector": "rack=compacted"}, page=2):
        items = page.items if page.first else items + page.items
        cluster.compact()

    assert [item["metadata"]["name"] for item in items] == sorted(names)


async def test_a_watch_shows_every_change_after_the_list(client, cluster, make_node):
    name = make_node()
    _, since = await client.list(NODES, only(name))

    cluster.admin.patch(f"{NODES}/{name}", {"spec": {"unschedulable": True}})
    cluster.admin.delete(f"{NODES}/{name}")
    events = await events_until(client, name, since, "DELETED")

    assert {event["type"] for event in events} == {"MODIFIED", "DELETED"}
    assert events[-1]["object"]["spec"]["unschedulable"] is True
    assert all(int(event["object"]["metadata"]["resourceVersion"]) > int(since) for event in events)


async def test_a_quiet_watch_ends_with_a_bookmark_from_which_it_can_be_resumed(quick, cluster, make_node):
    name = make_node()
    _, since = await quick.list(NODES, only(name))
    cluster.admin.patch(f"{NODES}/{make_node()}", {"spec": {"unschedulable": True}})

    bookmark = (await events_until(quick, name, since, "BOOKMARK"))[-1]["object"]
    resumed = await events_until(quick, name, bookmark["metadata"]["resourceVersion"], "BOOKMARK")

    assert bookmark["kind"] == "Node"
    assert int(bookmark["metadata"]["resourceVersion"]) > int(since)
    assert "ADDED" not in [event["type"] for event in resumed]


async def test_a_version_that_was_compacted_is_gone(quick, cluster, namespace):
    events = f"/api/v1/namespaces/{namespace}/events"
    _, since = await quick.list(events)
    for word in ("a", "b", "c"):
        cluster.admin.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"word": word}}})
    cluster.compact()

    with pytest.raises(Rejected, match="compacted|too old") as refused:
        await anext(quick.watch(events, resource_version=since))

    assert refused.value.status == 410


async def test_a_node_that_is_not_there(client):
    with pytest.raises(NotFound, match='nodes "gpu-none" not found'):
        await client.get(f"{NODES}/gpu-none")
