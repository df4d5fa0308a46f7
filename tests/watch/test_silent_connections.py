"""A connection that hangs without ending is noticed: a watch soon after its agreed end, anything else in seconds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gcm_sentinel.clients.kubernetes import WatchTimes

T1 = "2026-11-20T19:01:00Z"
BRIEF = WatchTimes(timedelta(milliseconds=200), timedelta(milliseconds=200), grace=timedelta(milliseconds=100))


@pytest.fixture
def quiet(cluster):
    """A cluster whose open watches never say anything again."""

    def fall_silent():
        cluster.store.end_watches("hang")

    return fall_silent


async def test_a_watch_that_hangs_is_left_and_nothing_is_lost(cluster, start, quiet):
    told = await start(cluster, watch_times=BRIEF)
    await told.following(cluster)

    quiet()
    cluster.node("gpu-1", ("GpuXid", "True", T1))

    assert await told.count(1) == ["gpu-1 GpuXid problem"]


async def test_a_server_that_answers_nothing_is_asked_again(cluster, start):
    cluster.faults.kubernetes = "timeout"
    told = await start(cluster)
    await told.until(lambda: told.watcher.problem is not None)
    problem = told.watcher.problem

    cluster.faults.kubernetes = None
    cluster.node("gpu-1", ("GpuXid", "True", T1))

    assert await told.count(1) == ["gpu-1 GpuXid problem"]
    assert "no answer in time" in problem


async def test_a_stream_torn_in_the_middle_of_an_event_is_resumed(cluster, start):
    told = await start(cluster)
    await told.following(cluster)

    cluster.store.end_watches("tear")
    cluster.node("gpu-1", ("GpuXid", "True", T1))

    assert await told.count(1) == ["gpu-1 GpuXid problem"]
