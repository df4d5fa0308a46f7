"""Followers of events are told everything in order, however late they come, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.sentinel_core.gateway import JANE, OMAR, Place, asking
from tests.sentinel_core.sweeps import Sweeps, fleet

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveRecord, DirectiveStatus
from sentinel_gateway.domain.errors import OutOfRange
from sentinel_gateway.domain.happened import Happened
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.history import Correlation, StateTransition
from sentinel_gateway.domain.settings import CoreSettings, HistorySettings

GPUS = fleet(2)
BAD, DEAD = GPUS[3], 2


async def up_to_now(core: Core, after: int = 0, hostname: str = "") -> list[Happened]:
    """All that happened after a position, until now."""
    end = (await anext(core.follow_events(from_now=True))).position
    told = []
    if after < end:
        async for one in core.follow_events(after, hostname=hostname):
            told.append(one)
            if one.position == end:
                break
    return told


async def a_dead_sm(place: Place, core: Core) -> None:
    sweeps = Sweeps(place, GPUS)
    for _ in range(4):
        await sweeps.sweep(core, {(BAD, DEAD)})


def kinds(told: list[Happened]) -> list[str]:
    """What each is about."""
    names = {StateTransition: "state", Correlation: "finding", DirectiveRecord: "directive"}
    return [names[type(one.what)] for one in told]


async def test_all_of_a_quarantine_is_told_in_order(place: Place):
    async with place.running() as core:
        await a_dead_sm(place, core)
        told = await up_to_now(core)

    assert kinds(told) == [
        *("state", "finding"),
        *("directive", "state", "finding"),
        *("directive", "state"),
        "directive",
    ]
    assert [one.position for one in told] == list(range(1, len(told) + 1))
    assert {one.gpu for one in told} == {BAD}


async def test_what_is_read_from_the_database_equals_what_was_told_at_once(either: Place):
    async with either.running() as core:
        await a_dead_sm(either, core)
        at_once = await up_to_now(core)
    async with either.running() as core:
        assert await up_to_now(core) == at_once


async def test_a_follower_goes_on_where_it_stopped_after_a_restart(either: Place):
    async with either.running() as core:
        await a_dead_sm(either, core)
        whole = await up_to_now(core)
    async with either.running() as core:
        assert await up_to_now(core, whole[2].position) == whole[3:]


async def test_a_decision_is_told_too(place: Place):
    async with place.running() as core:
        await Sweeps(place, GPUS).sweep(core)
        await core.issue(JANE, asking(Action.CONDEMN, "d-1", on=BAD))
        await core.decide(OMAR, "d-1", approve=False)
        told = [one.what for one in await up_to_now(core)]

    statuses = [one.status for one in told if isinstance(one, DirectiveRecord)]
    assert statuses == [DirectiveStatus.WAITING, DirectiveStatus.DENIED]


async def test_who_follows_from_now_hears_where_now_is_and_then_what_happens(place: Place):
    async with place.running() as core:
        await a_dead_sm(place, core)
        events = core.follow_events(from_now=True)
        first = await anext(events)
        second = asyncio.ensure_future(anext(events))
        await core.issue(JANE, asking(Action.QUARANTINE, on=GPUS[0]))

        assert first.what is None
        assert (await asyncio.wait_for(second, 5)).position == first.position + 1


async def test_a_host_can_be_chosen(place: Place):
    async with place.running() as core:
        await a_dead_sm(place, core)
        await core.issue(JANE, asking(Action.QUARANTINE, on=GPUS[-1]))
        told = await up_to_now(core, hostname=GPUS[-1].hostname)

    assert {one.gpu for one in told} == {GPUS[-1]}


async def test_what_was_forgotten_is_not_skipped_in_silence(either: Place):
    either.settings = CoreSettings(history=HistorySettings(keep_history=timedelta(days=1)))
    async with either.running() as core:
        await a_dead_sm(either, core)
        either.clock.sleep(2 * 86_400)
        await Sweeps(either, GPUS, sequence=9).sweep(core)
        await core.issue(JANE, asking(Action.QUARANTINE, on=GPUS[0]))
    async with either.running() as core:
        with pytest.raises(OutOfRange, match="were forgotten, nothing up to"):
            await anext(core.follow_events(1))
        assert kinds(await up_to_now(core)) == [*["directive"] * 3, "state"], "expired, asked again, quarantined"


async def test_a_position_of_another_database_is_refused(place: Place):
    async with place.running() as core:
        with pytest.raises(OutOfRange, match="was never reached"):
            await anext(core.follow_events(5))


async def test_followers_end_with_the_gateway(place: Place):
    async def until_the_end(events: AsyncIterator[Happened]) -> int:
        return len([one async for one in events])

    async with place.running() as core:
        follower = asyncio.ensure_future(until_the_end(core.follow_events()))
        await a_dead_sm(place, core)
    assert await asyncio.wait_for(follower, 5) == 8
