"""Followers of directives and of configuration: nothing is lost, whatever the order and the speed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest
from tests.sentinel_core.gateway import AGENT, JANE, OMAR, Place, asking, batch, execution, gpu

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.configuration import ConfigChange, OverheadBudget, SamplingRate
from sentinel_gateway.domain.directives import Directive
from sentinel_gateway.domain.errors import NotKnown
from sentinel_gateway.domain.health import Action

Q, R, C = Action.QUARANTINE, Action.REINSTATE, Action.CONDEMN
Value = TypeVar("Value")


async def take(followed: AsyncIterator[Value], count: int) -> list[Value]:
    async with asyncio.timeout(10):
        return [await anext(followed) for _ in range(count)]


def ids(directives: list[Directive]) -> list[str]:
    return [directive.directive_id for directive in directives]


async def quarantines(core: Core, count: int, first: int = 0) -> None:
    """Directives d-0, d-1 ... about one GPU."""
    await core.report_probes(AGENT, batch(execution(first), sequence=first))
    for number in range(first, first + count):
        await core.issue(JANE, asking(R if number % 2 else Q, f"d-{number}"))


async def test_what_is_executed_is_told_as_it_happens(place: Place):
    async with place.running() as core:
        followed = core.follow_directives()
        asked = asyncio.create_task(take(followed, 2))
        await quarantines(core, 2)

        assert ids(await asked) == ["d-0", "d-1"]


async def test_what_happened_before_is_not_told(place: Place):
    async with place.running() as core:
        await quarantines(core, 2)
        followed = core.follow_directives()
        await quarantines(core, 1, first=2)

        assert ids(await take(followed, 1)) == ["d-2"]


async def test_what_waits_is_told_without_an_approval_and_again_when_it_is_executed(either: Place):
    async with either.running() as core:
        followed = core.follow_directives()
        await quarantines(core, 1)
        await core.issue(JANE, asking(C, "c"))
        await core.decide(OMAR, "c", approve=True)
        told = await take(followed, 3)

        assert ids(told) == ["d-0", "c", "c"]
        assert [directive.requires_approval for directive in told] == [False, True, True]
        assert told[1].approval is None
        assert told[2].approval is not None
        again = await take(core.follow_directives(after_id="d-0"), 2)
    async with either.running() as core:
        assert await take(core.follow_directives(after_id="d-0"), 2) == again == told[1:]


async def test_denied_ones_are_not_told(place: Place):
    async with place.running() as core:
        followed = core.follow_directives()
        await quarantines(core, 0)
        await core.issue(JANE, asking(C, "c"))
        await core.decide(OMAR, "c", approve=False)
        await quarantines(core, 1, first=2)

        assert ids(await take(followed, 2)) == ["c", "d-2"]


async def test_after_one_directive_all_later_ones_are_told_in_order(either: Place):
    async with either.running() as core:
        await quarantines(core, 4)
    async with either.running() as core:
        followed = core.follow_directives(after_id="d-1")
        assert ids(await take(followed, 2)) == ["d-2", "d-3"]
        await quarantines(core, 1, first=4)
        assert ids(await take(followed, 1)) == ["d-4"]


async def test_after_an_unknown_directive_there_is_nothing_to_tell(place: Place):
    async with place.running() as core:
        with pytest.raises(NotKnown):
            await anext(core.follow_directives(after_id="d-9"))


async def test_a_slow_follower_loses_nothing(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sentinel_gateway.core.following._PAGE", 7)
    async with place.running() as core:
        core._memory.recent_news = type(core._memory.recent_news)(maxlen=3)
        followed = core.follow_directives()
        await quarantines(core, 20)

        assert ids(await take(followed, 20)) == [f"d-{number}" for number in range(20)]


async def test_only_the_wanted_host_and_action(place: Place):
    async with place.running() as core:
        both = core.follow_directives("node-2", Q)
        await core.report_probes(AGENT, batch(execution(on=gpu(9, "node-2")), sequence=7))
        await quarantines(core, 2)
        await core.issue(JANE, asking(Q, "q", on=gpu(9)))

        assert ids(await take(both, 1)) == ["q"]


async def until_the_end(followed: AsyncIterator[Value]) -> list[Value]:
    return [one async for one in followed]


async def test_followers_end_when_the_gateway_stops(place: Place):
    async with place.running() as core:
        directives = asyncio.create_task(until_the_end(core.follow_directives()))
        updates = asyncio.create_task(until_the_end(core.follow_config("node-1")))
        await quarantines(core, 1)
    async with asyncio.timeout(10):
        assert ids(await directives) == ["d-0"]
        assert await updates == []


async def test_a_component_is_told_the_newest_of_each_subject(either: Place):
    async with either.running() as core:
        for number, rate in enumerate((0.1, 0.2)):
            await core.apply_config(JANE, ConfigChange(SamplingRate("telemetry", rate), f"rate-{number}"))
        await core.apply_config(JANE, ConfigChange(OverheadBudget(1.0), "budget"))
    async with either.running() as core:
        followed = core.follow_config("node-1")
        assert [update.update_id for update in await take(followed, 2)] == ["rate-1", "budget"]
        await core.apply_config(JANE, ConfigChange(OverheadBudget(2.0), "more"))
        assert [(update.update_id, update.version) for update in await take(followed, 1)] == [("more", 4)]


async def test_a_component_is_told_nothing_it_has(place: Place):
    async with place.running() as core:
        await core.apply_config(JANE, ConfigChange(SamplingRate("telemetry", 0.1), "rate"))
        await core.apply_config(JANE, ConfigChange(OverheadBudget(1.0), "budget"))

        told = await take(core.follow_config("node-1", after_version=1), 1)
    assert [update.update_id for update in told] == ["budget"]
