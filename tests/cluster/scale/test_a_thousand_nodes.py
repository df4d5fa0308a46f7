"""Of a thousand nodes on a real API server, all are listed and the one that changes is found."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial

from tests.cluster.scale.conftest import NODES
from tests.cluster.scale.fleet import break_one, chosen, node_names

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.watch.kubernetes import NodeConditionWatcher

_WITHIN_S = 60


class FollowsAll:
    """An observer that breaks a node once it has heard of them all."""

    def __init__(self, cluster, name):
        self._break = partial(break_one, cluster, name)
        self._seen = set()
        self.broken = []

    def seen(self, node, labels):
        self._seen.add(node)
        if len(self._seen) == NODES and not self.broken:
            self.broken.append(asyncio.create_task(asyncio.to_thread(self._break)))

    def gone(self, node):
        self._seen.discard(node)


async def test_they_are_listed_in_pages(client):
    sizes = [len(page.items) async for page in client.pages("/api/v1/nodes")]

    assert len(sizes) > 1
    assert sum(sizes) == NODES


async def test_one_change_among_them_is_found(client, large_cluster):
    name = chosen(node_names(NODES), 7)[-1]
    observer = FollowsAll(large_cluster, name)
    watcher = NodeConditionWatcher(client, clock=SystemClock(), observer=observer)

    async with asyncio.timeout(_WITHIN_S), aclosing(watcher.batches()) as batches:
        found = await anext(batches)
        await asyncio.gather(*observer.broken)

    assert [(trigger.node, trigger.kind) for trigger in found] == [(name, "GpuXid")]
