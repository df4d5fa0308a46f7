"""Whether the watch is well is visible, and what to do where it is not."""

from __future__ import annotations

from datetime import timedelta

import grpc
from tests.watch_sentinel.conftest import until


async def test_is_synced_once_stock_was_taken(gateway, start):
    agent = await start()
    before = agent.watcher.synced

    await agent.until_at(gateway)

    assert (before, agent.watcher.lists, agent.watcher.last_event_at is not None) == (False, 1, True)


async def test_a_gateway_that_is_away_is_a_problem_and_no_end(gateway, start):
    await gateway.stop()
    agent = await start()
    await until(lambda: agent.watcher.problem is not None)

    await gateway.start()
    await agent.until_at(gateway)

    assert agent.watcher.problem is None


async def test_a_stream_that_nothing_ever_answered_is_a_problem(gateway, start):
    agent = await start()
    await agent.until_at(gateway)
    await agent.stop()
    gateway.is_mute = True

    later = await start(lasting=timedelta(milliseconds=60))
    await until(lambda: later.watcher.problem is not None)

    assert later.watcher.last_event_at is None


async def test_a_missing_role_is_named(gateway, start):
    gateway.fail["FollowEvents"] = (grpc.StatusCode.PERMISSION_DENIED, "your roles do not allow it")
    agent = await start()

    await until(lambda: agent.watcher.problem is not None)

    assert "`investigator`" in agent.watcher.problem
    assert not agent.watcher.stalled(agent.watcher._clock.monotonic())


async def test_a_gateway_that_does_not_know_us_is_told_from_one_that_denies_us(gateway, start):
    gateway.fail["FollowEvents"] = (grpc.StatusCode.UNAUTHENTICATED, "no such token")
    agent = await start()

    await until(lambda: agent.watcher.problem is not None)

    assert "set GCM_SENTINEL_SENTINEL_TOKEN" in agent.watcher.problem
    assert "role" not in agent.watcher.problem
