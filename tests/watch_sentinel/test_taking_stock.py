"""How things stand is asked for at the beginning and again and again; silence is never taken for health."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest
from tests.watch_sentinel.conftest import until
from tests.watch_sentinel.event_gateway import HEALTHY, QUARANTINED, SUSPECT, uuid

WAITING = 1
SM_LOCALIZED = 2
BRIEF = timedelta(milliseconds=60)


async def test_what_was_wrong_before_the_first_start_is_told(gateway, start):
    gateway.gpu(1)
    gateway.gpu(2, "gpu-2")
    gateway.becomes(1, QUARANTINED)
    gateway.directs(1, WAITING)

    lines = await (await start()).until_at(gateway)

    assert lines == [
        "gpu-1 SentinelGpuState problem Quarantined",
        "gpu-1 SentinelDirectiveWaiting problem Condemn",
    ]


async def test_what_is_told_by_stock_is_not_told_by_the_log_again(gateway, start):
    gateway.gpu(1)
    gateway.becomes(1, SUSPECT, 5)
    agent = await start()
    await agent.until_at(gateway)

    gateway.becomes(1, QUARANTINED, 6)
    await agent.until_at(gateway)

    assert (agent.new, gateway.followed[:2]) == (2, [None, 0])


async def test_a_cause_that_is_still_raised_is_read_from_the_log(gateway, start):
    gateway.gpu(1, failing=True)
    gateway.shares("golden_answer", "NVIDIA H200")
    gateway.shares("probe", "")
    gateway.shares("probe", "", 5, raised=False)

    lines = await (await start()).until_at(gateway)

    assert lines == ["gpu-1 SentinelSharedCause:golden_answer/NVIDIA H200/ problem GoldenAnswer"]


async def test_a_change_the_log_does_not_tell_is_found_when_a_stream_ends(gateway, start):
    gateway.gpu(1)
    agent = await start(lasting=BRIEF)
    await agent.until_at(gateway)

    gateway.quietly(1, QUARANTINED, 3)
    await until(lambda: bool(agent.told))
    gateway.quietly(1, HEALTHY, 4)
    await until(lambda: len(agent.told) == 2)

    assert [line.split()[-2:] for line in agent.lines] == [["problem", "Quarantined"], ["recovered", "Healthy"]]


async def test_the_same_stock_tells_nothing_again(gateway, start):
    gateway.gpu(1)
    gateway.becomes(1, QUARANTINED)
    agent = await start(lasting=BRIEF)

    await until(lambda: agent.watcher is not None and agent.watcher.lists >= 4)

    assert len(agent.told) == 1


async def test_a_gpu_the_gateway_knows_no_more_is_unknown_not_well(gateway, start):
    gateway.gpu(1)
    gateway.becomes(1, QUARANTINED)
    agent = await start(lasting=BRIEF)
    await agent.until_at(gateway)

    del gateway.gpus[uuid(1)]
    await until(lambda: len(agent.told) > 1)

    assert agent.lines[1:] == ["gpu-1 SentinelGpuState unknown GpuNotKnown"]


async def test_a_pattern_of_a_healthy_gpu_ends_when_nothing_followed_for_an_hour(gateway, start, clock):
    gateway.gpu(1)
    agent = await start(lasting=BRIEF)
    await agent.until_at(gateway)
    gateway.correlates(1, SM_LOCALIZED, 30)
    await until(lambda: len(agent.told) == 1)

    clock.moment += timedelta(minutes=31)
    await until(lambda: len(agent.told) == 2)

    assert agent.lines[1] == "gpu-1 SentinelSmLocalized recovered Quiet"


@pytest.mark.slow
async def test_forgotten_events_are_made_up_for_by_stock(gateway, start):
    gateway.gpu(1)
    gateway.gpu(2, "gpu-2")
    gateway.becomes(1, SUSPECT)
    agent = await start()
    await agent.until_at(gateway)
    await agent.stop()

    gateway.becomes(1, HEALTHY, 1)
    gateway.becomes(2, QUARANTINED, 2)
    gateway.forget()
    later = await start()

    assert sorted(await later.until_at(gateway)) == [
        "gpu-1 SentinelGpuState recovered Healthy",
        "gpu-2 SentinelGpuState problem Quarantined",
    ]


async def test_a_log_that_is_not_told_to_its_end_ends_no_cause(gateway, start):
    gateway.gpu(1, failing=True)
    gateway.shares("golden_answer", "NVIDIA H200")
    agent = await start()
    await agent.until_at(gateway)
    await agent.stop()

    gateway.becomes(1, SUSPECT, 5)
    gateway.forget()
    gateway.shares("golden_answer", "NVIDIA H200", 6)
    gateway.becomes(1, QUARANTINED, 7)
    gateway.is_cut_off = True
    later = await start()
    await until(lambda: later.watcher.problem is not None)
    meanwhile = list(later.lines)
    gateway.is_cut_off = False

    assert meanwhile == []
    assert [line for line in await later.until_at(gateway) if "recovered" in line] == []


async def test_a_log_with_nothing_left_is_no_problem(gateway, start):
    gateway.gpu(1)
    gateway.becomes(1, SUSPECT)
    gateway.becomes(1, HEALTHY)
    gateway.forget()

    agent = await start()
    gateway.becomes(1, SUSPECT)

    assert await agent.until_at(gateway) == ["gpu-1 SentinelGpuState problem Suspect"]


async def test_a_gateway_without_a_log_is_taken_stock_of_and_says_what_is_missing(gateway, start):
    gateway.gpu(1)
    gateway.quietly(1, QUARANTINED)
    gateway.fail["FollowEvents"] = (grpc.StatusCode.UNIMPLEMENTED, "no such method")

    agent = await start()
    await until(lambda: bool(agent.told) and agent.watcher.problem is not None)

    assert agent.lines == ["gpu-1 SentinelGpuState problem Quarantined"]
    assert "does not offer it" in agent.watcher.problem
    assert not agent.watcher.synced
