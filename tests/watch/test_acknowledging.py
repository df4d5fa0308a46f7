"""Nothing counts as observed before the consumer has asked for more: a batch is stored first, acknowledged after."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import gcm_sentinel.watch.kubernetes as watching

T1, T2 = "2026-11-20T19:01:00Z", "2026-11-20T19:02:00Z"


def names(batch):
    return [trigger.node for trigger in batch]


def bad(cluster, *numbers, at=T1):
    for number in numbers:
        cluster.node(f"gpu-{number}", ("GpuXid", "True", at))


async def soon(awaitable):
    async with asyncio.timeout(5):
        return await awaitable


async def test_everything_wrong_on_one_page_is_one_batch(cluster, connect):
    bad(cluster, *range(100, 300))

    async with aclosing((await connect(cluster)).batches()) as batches:
        batch = await soon(anext(batches))

    assert len(batch) == 200


async def test_changes_that_arrived_together_are_one_batch(cluster, connect, until):
    watcher = await connect(cluster)
    bad(cluster, 1)
    async with aclosing(watcher.batches()) as batches:
        await soon(anext(batches))
        rest = asyncio.ensure_future(anext(batches))
        await until(lambda: cluster.store.open_watches == 1)

        bad(cluster, *range(100, 300))
        found = [await soon(rest)]
        while sum(map(len, found)) < 200:
            found.append(await soon(anext(batches)))

    assert len(found) <= 5


async def test_a_batch_that_was_never_acknowledged_comes_again(cluster, connect):
    bad(cluster, 1, 2)
    watcher = await connect(cluster)
    async with aclosing(watcher.batches()) as batches:
        first = await soon(anext(batches))

    async with aclosing(watcher.batches()) as batches:
        again = await soon(anext(batches))

    assert again == first


async def test_an_acknowledged_page_of_an_unfinished_list_does_not_come_again(cluster, connect, monkeypatch):
    monkeypatch.setattr(watching, "_PAGE", 2)
    bad(cluster, 1, 2, 3, 4, 5)
    watcher = await connect(cluster)
    async with aclosing(watcher.batches()) as batches:
        first, second = await soon(anext(batches)), await soon(anext(batches))

    async with aclosing(watcher.batches()) as batches:
        again = await soon(anext(batches))

    assert (names(first), names(second), names(again)) == (["gpu-1", "gpu-2"], ["gpu-3", "gpu-4"], ["gpu-3", "gpu-4"])


async def test_a_change_of_the_stream_that_was_not_acknowledged_comes_again(cluster, connect, until):
    bad(cluster, 1)
    watcher = await connect(cluster)
    async with aclosing(watcher.batches()) as batches:
        await soon(anext(batches))
        change = asyncio.ensure_future(anext(batches))
        await until(lambda: cluster.store.open_watches == 1)
        bad(cluster, 2)
        first = await soon(change)

    async with aclosing(watcher.batches()) as batches:
        again = await soon(anext(batches))

    assert again == first


async def test_a_consumer_that_was_away_misses_nothing_the_server_still_knows(cluster, connect, until):
    bad(cluster, 1)
    watcher = await connect(cluster)
    async with aclosing(watcher.batches()) as batches:
        await soon(anext(batches))
        change = asyncio.ensure_future(anext(batches))
        await until(lambda: cluster.store.open_watches == 1)
        bad(cluster, 2)
        held = await soon(change)

        cluster.node("gpu-1", ("GpuXid", "False", T2))
        cluster.store.end_watches("drop")
        bad(cluster, 1, at="2026-11-20T19:03:00Z")
        later = [*await soon(anext(batches))]
        while len(later) < 2:
            later += await soon(anext(batches))

    assert names(held) == ["gpu-2"]
    assert [str(trigger.status) for trigger in later] == ["recovered", "problem"]


async def test_a_consumer_that_was_away_for_longer_than_the_servers_memory_learns_the_truth(cluster, connect):
    bad(cluster, 1, 2)
    watcher = await connect(cluster)
    async with aclosing(watcher.batches()) as batches:
        await soon(anext(batches))

        cluster.store.end_watches("drop")
        cluster.store.delete("nodes", "gpu-1")
        bad(cluster, 3)
        cluster.store.compact()
        later = [*await soon(anext(batches))]
        while len(later) < 2:
            later += await soon(anext(batches))

    assert {(trigger.node, str(trigger.status)) for trigger in later} == {("gpu-1", "recovered"), ("gpu-3", "problem")}


async def test_a_slow_consumer_is_not_a_stalled_watch(cluster, connect, clock):
    bad(cluster, 1)
    watcher = await connect(cluster)
    async with aclosing(watcher.batches()) as batches:
        await soon(anext(batches))

        assert not watcher.stalled(clock.monotonic() + 3600)
