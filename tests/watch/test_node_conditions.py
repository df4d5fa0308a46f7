"""The watcher against a simulated API server: nothing is lost, nothing is told twice, no failure ends it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

import pytest

from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.clients.kubernetes.client import Page
from gcm_sentinel.domain.errors import Rejected, Unreachable
from gcm_sentinel.watch.kubernetes import NodeConditionWatcher
from gcm_sentinel.watch.pace import Pace
from sentinel_fleet.kube import Deny

T1, T2, T3 = (f"2026-11-20T19:0{minute}:00Z" for minute in (1, 2, 3))


async def test_tells_what_is_wrong_when_it_starts(cluster, start):
    cluster.node("gpu-1", ("Ready", "True", T1), ("GpuCount", "True", T1))
    cluster.node("gpu-2", ("Ready", "True", T1))

    told = await start(cluster)

    assert await told.count(1) == ["gpu-1 GpuCount problem"]
    await told.following(cluster)
    assert len(told.triggers) == 1


async def test_tells_a_problem_as_it_happens_and_its_end_once(cluster, start):
    cluster.node("gpu-1", ("GpuXid", "False", T1))
    told = await start(cluster)
    await told.following(cluster)

    cluster.node("gpu-1", ("GpuXid", "True", T2))
    await told.count(1)
    cluster.node("gpu-1", ("GpuXid", "False", T3))

    assert await told.count(2) == ["gpu-1 GpuXid problem", "gpu-1 GpuXid recovered"]


async def test_tells_when_a_checker_no_longer_knows(cluster, start):
    cluster.node("gpu-1", ("GpuXid", "True", T1))
    told = await start(cluster)
    await told.count(1)

    cluster.node("gpu-1", ("GpuXid", "Unknown", T2))

    assert (await told.count(2))[1] == "gpu-1 GpuXid unknown"


async def test_reads_a_fleet_of_several_pages(cluster, start):
    for number in range(600):
        cluster.node(f"gpu-{number:03}", ("GpuEcc", "True" if number % 200 == 0 else "False", T1))

    told = await start(cluster)

    assert await told.count(3) == [f"gpu-{number:03} GpuEcc problem" for number in (0, 200, 400)]


async def test_resumes_where_it_was_when_the_server_ends_the_stream(cluster, start):
    cluster.node("gpu-1", ("GpuXid", "True", T1))
    told = await start(cluster)
    await told.following(cluster)

    cluster.store.end_watches("close")
    cluster.node("gpu-2", ("GpuCount", "True", T2))

    assert await told.count(2) == ["gpu-1 GpuXid problem", "gpu-2 GpuCount problem"]


async def test_loses_nothing_when_the_connection_drops(cluster, start):
    cluster.node("gpu-1", ("GpuXid", "True", T1))
    told = await start(cluster)
    await told.following(cluster)

    cluster.store.end_watches("drop")
    cluster.node("gpu-1", ("GpuXid", "False", T2))
    cluster.node("gpu-2", ("GpuCount", "True", T2))

    assert (await told.count(3))[1:] == ["gpu-1 GpuXid recovered", "gpu-2 GpuCount problem"]


async def test_lists_again_when_its_version_is_gone_and_tells_only_the_difference(expiring_cluster, start):
    cluster = expiring_cluster
    cluster.node("gpu-1", ("GpuXid", "True", T1), ("GpuEcc", "True", T1))
    cluster.node("gpu-gone", ("GpuXid", "True", T1))
    told = await start(cluster)
    await told.count(3)
    await told.following(cluster)

    cluster.faults.kubernetes = "503"
    cluster.store.end_watches("drop")
    cluster.node("gpu-1", ("GpuXid", "True", T1), ("GpuEcc", "False", T2))
    cluster.store.delete("nodes", "gpu-gone")
    cluster.node("gpu-3", ("GpuCount", "True", T2))
    cluster.store.compact()
    cluster.faults.kubernetes = None

    assert sorted((await told.count(6))[3:]) == [
        "gpu-1 GpuEcc recovered",
        "gpu-3 GpuCount problem",
        "gpu-gone GpuXid recovered",
    ]
    await told.following(cluster)
    assert len(told.triggers) == 6


async def test_an_expired_stream_is_listed_anew(cluster, start):
    told = await start(cluster)
    await told.following(cluster)

    cluster.store.end_watches("expire")
    cluster.node("gpu-1", ("GpuXid", "True", T1))

    assert await told.count(1) == ["gpu-1 GpuXid problem"]


async def test_the_problems_of_a_deleted_node_recover(cluster, start):
    cluster.node("gpu-1", ("GpuXid", "True", T1), ("Ready", "Unknown", T1))
    told = await start(cluster)
    await told.following(cluster)

    cluster.store.delete("nodes", "gpu-1")

    assert (await told.count(4))[2:] == ["gpu-1 GpuXid recovered", "gpu-1 Ready recovered"]
    assert {trigger.reason for trigger in told.triggers[2:]} == {"NodeDeleted"}


@pytest.mark.parametrize("outage", [False, True], ids=["watched", "during an outage"])
async def test_a_node_created_anew_recovers_and_fires_again(cluster, start, outage):
    cluster.node("gpu-1", ("GpuXid", "True", T1))
    told = await start(cluster)
    await told.count(1)
    await told.following(cluster)

    if outage:
        cluster.faults.kubernetes = "refuse"
        cluster.store.end_watches("drop")
    cluster.store.delete("nodes", "gpu-1")
    cluster.node("gpu-1", ("GpuXid", "True", T1))
    if outage:
        cluster.store.compact()
        cluster.faults.kubernetes = None

    assert (await told.count(3))[1:] == ["gpu-1 GpuXid recovered", "gpu-1 GpuXid problem"]
    first, end, second = told.triggers
    assert (end.node_uid, end.reason) == (first.node_uid, "NodeDeleted")
    assert second.node_uid != first.node_uid


async def test_only_listed_nodes_are_told_but_all_are_known(cluster, start):
    cluster.node("gpu-1", ("GpuXid", "True", T1))
    cluster.node("gpu-10", ("GpuXid", "True", T1))
    told = await start(cluster, allowlist=("gpu-1", "spare-*"))
    await told.following(cluster)

    cluster.node("spare-7", ("GpuCount", "True", T1))

    assert await told.count(2) == ["gpu-1 GpuXid problem", "spare-7 GpuCount problem"]


async def test_forbidden_is_said_once_and_tried_again_until_it_is_granted(cluster, start, capsys):
    cluster.denied.append(Deny(resources=("nodes",)))
    cluster.node("gpu-1", ("GpuXid", "True", T1))
    told = await start(cluster)
    await told.until(lambda: told.watcher.problem is not None and told.watcher._health.failures > 3)
    problem, synced = told.watcher.problem, told.watcher.synced

    cluster.denied.clear()

    assert await told.count(1) == ["gpu-1 GpuXid problem"]
    assert "cannot list" in problem
    assert "grant the service account get, list and watch on nodes" in problem
    assert not synced
    assert capsys.readouterr().out.count("watch.failed") == 1


async def test_health_follows_the_stream(cluster, start):
    cluster.faults.kubernetes = "503"
    told = await start(cluster)
    await told.until(lambda: told.watcher.problem is not None)
    before = (told.watcher.synced, told.watcher.last_event_at)

    cluster.faults.kubernetes = None
    await told.until(lambda: told.watcher.synced)

    assert before == (False, None)
    assert told.watcher.problem is None
    assert told.watcher.last_event_at is not None


async def test_a_flood_of_heartbeats_tells_nothing(cluster, start):
    cluster.node("gpu-1", ("GpuXid", "True", T1))
    told = await start(cluster)
    await told.count(1)
    await told.following(cluster)

    for number in range(200):
        cluster.store.patch("nodes", "gpu-1", {"metadata": {"annotations": {"beat": str(number)}}})
    cluster.node("gpu-2", ("GpuXid", "True", T2))

    assert await told.count(2) == ["gpu-1 GpuXid problem", "gpu-2 GpuXid problem"]


async def test_cancelling_ends_it_at_once_and_closes_its_stream(cluster, start):
    told = await start(cluster)
    await told.following(cluster)

    told.task.cancel()
    await asyncio.wait([told.task], timeout=1)

    assert told.task.cancelled()
    await told.until(lambda: cluster.store.open_watches == 0)


class Stopped(Exception):
    """The test has seen enough."""


class TooOld:
    """An API server whose lists have expired before they can be followed."""

    server = "https://busy"

    async def pages(self, *_, **__):
        yield Page([], "5", first=True)

    async def watch(self, *_, **__):
        for event in self.events():
            yield event

    def events(self):
        raise Rejected("too old resource version", status=410)


class AwayAndTooOld(TooOld):
    """One that is away for four requests after its first list, and has then forgotten the version of that."""

    def __init__(self):
        self.answers = iter([*[Unreachable("refused")] * 4, Rejected("too old resource version", status=410)])

    def events(self):
        raise next(self.answers)


async def pauses_of(server, clock, count):
    """In seconds, the first ones of a watcher that doubles from 1 s to 30 s."""
    pauses = []

    async def sleep(seconds):
        pauses.append(round(seconds, 3))
        if len(pauses) == count:
            raise Stopped

    pace = Pace(timedelta(seconds=1), timedelta(seconds=30), jitter=lambda: 0.5, sleep=sleep)
    watcher = NodeConditionWatcher(cast(KubernetesClient, server), clock=clock, pace=pace)
    with pytest.raises(Stopped):
        await anext(watcher.triggers())
    return pauses


async def test_lists_that_expire_at_once_are_asked_for_ever_more_rarely(clock):
    assert await pauses_of(TooOld(), clock, 6) == [2, 4, 8, 16, 30, 30]


async def test_once_the_server_answers_that_a_version_is_gone_the_outage_before_delays_nothing(clock):
    assert await pauses_of(AwayAndTooOld(), clock, 5) == [2, 4, 8, 16, 2]
