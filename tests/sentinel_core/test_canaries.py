"""Canaries: three comparable GPUs compute the same thing, as long as somebody listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.sentinel_core.gateway import AGENT, Place
from tests.sentinel_core.sweeps import Sweeps, fleet, path

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrOutcome, TmrReport, TmrRequest

GPUS = fleet(4, 2)


async def told(core: Core, canaries: AsyncIterator[TmrRequest], count: int = 1) -> list[TmrRequest]:
    """The next canaries."""
    first = asyncio.ensure_future(anext(canaries))
    await asyncio.sleep(0)
    await core.upkeep()
    return [await asyncio.wait_for(first, 5), *[await asyncio.wait_for(anext(canaries), 5) for _ in range(count - 1)]]


def answer(request: TmrRequest, alone: Gpu | None = None) -> TmrReport:
    """All three agree but one."""
    results = tuple(TmrGpuResult(gpu, b"x" if gpu == alone else b"y") for gpu in request.gpus)
    return TmrReport(request.canary_id, results)


async def test_three_gpus_of_a_kind_are_chosen(place: Place):
    async with place.running() as core:
        await Sweeps(place, GPUS, sms=1).sweep(core)
        first, second = await told(core, core.follow_canaries(), 2)

    chosen = [*first.gpus, *second.gpus]
    assert len({gpu.uuid for gpu in chosen}) == 6
    assert (first.timeout_ms, len(first.input_hash), first.model_id) == (30_000, 32, "sentinel-canary")
    assert first.input_hash != second.input_hash


async def test_nothing_is_scheduled_while_nobody_follows(place: Place):
    async with place.running() as core:
        await Sweeps(place, GPUS, sms=1).sweep(core)
        await core.upkeep()
        assert core._memory.canaries == {}


async def test_a_host_is_told_of_its_own_gpus(place: Place):
    alone = fleet(1, 3, "NVIDIA A100")
    async with place.running() as core:
        await Sweeps(place, [*GPUS, *alone], sms=1).sweep(core)
        (one,) = await told(core, core.follow_canaries(alone[0].hostname))

    assert {gpu.uuid for gpu in one.gpus} == {gpu.uuid for gpu in alone}


async def test_the_next_come_after_the_interval(place: Place):
    async with place.running() as core:
        await Sweeps(place, GPUS[:3], sms=1).sweep(core)
        canaries = core.follow_canaries()
        (one,) = await told(core, canaries)
        await core.report_tmr(AGENT, answer(one))
        place.clock.sleep(600)
        (other,) = await told(core, canaries)

    assert one.canary_id != other.canary_id


async def test_who_follows_later_is_told_what_is_open_and_not_what_timed_out(place: Place):
    async with place.running() as core:
        await Sweeps(place, GPUS[:3], sms=1).sweep(core)
        (one,) = await told(core, core.follow_canaries())
        assert await told(core, core.follow_canaries()) == [one]
        place.clock.sleep(31)
        await core.upkeep()
        assert core._memory.canaries == {}


async def test_followers_end_with_the_gateway(place: Place):
    async with place.running() as core:
        follower = asyncio.ensure_future(anext(core.follow_canaries(), None))
        await asyncio.sleep(0)
    assert await asyncio.wait_for(follower, 5) is None


async def test_what_is_open_is_open_after_a_restart_and_told_again(either: Place):
    async with either.running() as core:
        await Sweeps(either, GPUS[:3], sms=1).sweep(core)
        (one,) = await told(core, core.follow_canaries())
    async with either.running() as core:
        assert await anext(core.follow_canaries(GPUS[0].hostname)) == one
        await core.report_tmr(AGENT, answer(one, one.gpus[0]))

        assert await path(core, one.gpus[0]) == ["SUSPECT"]
        assert core._memory.canaries == {}


async def test_the_three_are_on_three_hosts_where_there_are_three(place: Place):
    async with place.running() as core:
        await Sweeps(place, fleet(3, 4), sms=1).sweep(core)
        canaries = core.follow_canaries()
        for _ in range(5):
            (one,) = await told(core, canaries)
            await core.report_tmr(AGENT, answer(one))
            place.clock.sleep(600)

            assert len({gpu.hostname for gpu in one.gpus}) == 3


@pytest.mark.parametrize("count", [0, 2], ids=["empty", "too early"])
async def test_a_report_without_three_results_ends_no_canary(place: Place, count: int):
    async with place.running() as core:
        await Sweeps(place, GPUS[:3], sms=1).sweep(core)
        (one,) = await told(core, core.follow_canaries())
        short = TmrReport(one.canary_id, answer(one).results[:count])
        first = await core.report_tmr(AGENT, short)
        second = await core.report_tmr(AGENT, answer(one, one.gpus[0]))

        assert (first.outcome, second.outcome) == (TmrOutcome.INSUFFICIENT, TmrOutcome.DISSENT)
        assert await path(core, one.gpus[0]) == ["SUSPECT"]
        assert core._memory.canaries == {}


async def test_a_canary_whose_time_is_over_is_no_evidence_though_nobody_looked_yet(place: Place):
    async with place.running() as core:
        await Sweeps(place, GPUS[:3], sms=1).sweep(core)
        (one,) = await told(core, core.follow_canaries())
        place.clock.sleep(30)
        await core.report_tmr(AGENT, answer(one, one.gpus[0]))

        assert await path(core, one.gpus[0]) == []


async def test_a_canary_that_timed_out_while_the_gateway_was_away_is_given_up(place: Place):
    async with place.running() as core:
        await Sweeps(place, GPUS[:3], sms=1).sweep(core)
        (one,) = await told(core, core.follow_canaries())
    place.clock.sleep(31)
    async with place.running() as core:
        await core.upkeep()
        await core.report_tmr(AGENT, answer(one, one.gpus[0]))

        assert await path(core, one.gpus[0]) == []
