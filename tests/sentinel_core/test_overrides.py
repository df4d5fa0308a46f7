"""Hosts are asked for more probes while one of their GPUs needs them, and for no longer."""

from __future__ import annotations

import pytest
from tests.sentinel_core.gateway import JANE, Place, asking
from tests.sentinel_core.sweeps import AGENT, Sweeps, fleet

from sentinel_gateway.domain.configuration import ConfigChange, ProbeSchedule, ScheduleEntry
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.probes import ProbeResult, ProbeType, ScheduleOverride

GPUS = fleet(2)
BAD, DEAD = GPUS[3], 2
HOST, OTHER = BAD.hostname, GPUS[-1].hostname
FMA = int(ProbeType.FMA)


@pytest.fixture
def sweeps(place: Place) -> Sweeps:
    return Sweeps(place, GPUS)


def periods(overrides: tuple[ScheduleOverride, ...]) -> dict[int, int]:
    """Seconds by probe type."""
    return {one.probe_type: one.period_s for one in overrides}


async def test_a_healthy_fleet_is_asked_for_nothing(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        acks = [*(await sweeps.sweep(core)).values(), *(await sweeps.sweep(core, {(BAD, DEAD)})).values()]

    assert [ack.schedule_overrides for ack in acks] == [()] * 4


async def test_the_host_of_a_suspect_is_asked_for_twice_as_many_probes(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, {(BAD, DEAD)})
        acks = await sweeps.sweep(core)

    assert periods(acks[HOST].schedule_overrides) == {1: 30, 2: 30, 3: 60, 4: 150, 5: 300, 6: 60, 7: 150}
    assert {one.duration_s for one in acks[HOST].schedule_overrides} == {600}
    assert acks[OTHER].schedule_overrides == ()


async def test_it_is_told_once_and_again_when_half_of_the_time_has_passed(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, {(BAD, DEAD)})
        told = [bool((await sweeps.sweep(core))[HOST].schedule_overrides) for _ in range(11)]

    assert [minute for minute, is_told in enumerate(told) if is_told] == [0, 5, 10]


async def test_a_deep_test_asks_for_ten_times_as_many(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(3):
            await sweeps.sweep(core, {(BAD, DEAD)})
        acks = await sweeps.sweep(core)

    assert periods(acks[HOST].schedule_overrides)[FMA] == 6


async def test_periods_are_those_of_the_schedule_that_was_pushed(place: Place, sweeps: Sweeps):
    entries = (ScheduleEntry(1, 20, 1.0, 1, True, 100), ScheduleEntry(4, 90, 1.0, 1, False, 100))
    async with place.running() as core:
        await core.apply_config(JANE, ConfigChange(ProbeSchedule(entries)))
        for _ in range(3):
            acks = await sweeps.sweep(core, {(BAD, DEAD)})

    assert periods(acks[HOST].schedule_overrides) == {1: 10}


async def test_a_test_that_failed_needs_no_more(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(5):
            await sweeps.sweep(core, {(BAD, DEAD)})
        told = [(await sweeps.sweep(core))[HOST].schedule_overrides for _ in range(7)]

    assert told == [()] * 7


async def test_nothing_more_is_told_when_the_need_is_over(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(3):
            await sweeps.sweep(core, {(BAD, DEAD)})
        await sweeps.sweep(core)
        await core.issue(JANE, asking(Action.REINSTATE, on=BAD))
        told = [(await sweeps.sweep(core))[HOST].schedule_overrides for _ in range(7)]

    assert told == [()] * 7


async def test_who_did_not_hear_the_answer_is_told_again(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, {(BAD, DEAD)})
        (batch, _) = sweeps.batches((), FMA, ProbeResult.FAIL)
        first = await core.report_probes(AGENT, batch)
        again = await core.report_probes(AGENT, batch)

    assert first.schedule_overrides == again.schedule_overrides != ()


async def test_the_need_is_known_after_a_restart(either: Place):
    sweeps = Sweeps(either, GPUS)
    async with either.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, {(BAD, DEAD)})
    async with either.running() as core:
        assert (await sweeps.sweep(core))[HOST].schedule_overrides
