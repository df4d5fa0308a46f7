"""Quarantines that last: nobody is asked again to condemn a GPU who has said no, until something new is known."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from tests.sentinel_core.gateway import AGENT, JANE, NOW_NS, OMAR, Place, asking, batch, execution, gpu
from tests.sentinel_core.sweeps import directives

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.probes import ProbeResult

CONDEMN = Action.CONDEMN
DENIED, WAITING, EXPIRED = DirectiveStatus.DENIED, DirectiveStatus.WAITING, DirectiveStatus.EXPIRED
MONTH_D, WEEK_D = 30, 7


@asynccontextmanager
async def asked(place: Place):
    """A GPU has been in quarantine for a month, and people are asked."""
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution()))
        await core.issue(JANE, asking(Action.QUARANTINE))
        await days(core, place, MONTH_D)
        yield core


async def days(core: Core, place: Place, count: int) -> None:
    """Days go by, each with its upkeep."""
    for _ in range(count):
        place.clock.sleep(24 * 3600)
        await core.upkeep()


async def deny(core: Core) -> None:
    """Somebody says no to what was asked last."""
    await core.decide(OMAR, (await directives(core, gpu()))[-1].directive_id, approve=False)


async def questions(core: Core) -> list[DirectiveStatus]:
    """What became of each proposal to condemn."""
    return [one.status for one in await directives(core, gpu()) if one.directive.action is CONDEMN]


async def fails(core: Core, place: Place, result: int = ProbeResult.FAIL) -> None:
    """One probe ends with this result just now."""
    number = (NOW_NS - place.clock.ns) // 1_000_000
    await core.report_probes(AGENT, batch(execution(number, result), sequence=place.clock.ns % 10**9))


async def test_nobody_is_asked_again_for_a_month_after_saying_no(place: Place):
    async with asked(place) as core:
        await deny(core)
        await days(core, place, MONTH_D - 1)
        assert await questions(core) == [DENIED]
        await days(core, place, 1)

        assert await questions(core) == [DENIED, WAITING]


async def test_a_no_holds_over_a_restart(either: Place):
    async with asked(either) as core:
        await deny(core)
    async with either.running() as core:
        await days(core, either, MONTH_D - 1)
        assert await questions(core) == [DENIED]
        await days(core, either, 1)

        assert await questions(core) == [DENIED, WAITING]


async def test_people_are_asked_again_after_a_week_when_it_failed_since(place: Place):
    async with asked(place) as core:
        await deny(core)
        await days(core, place, 3)
        await fails(core, place)
        await days(core, place, WEEK_D - 4)
        assert await questions(core) == [DENIED]
        await days(core, place, 1)

        assert await questions(core) == [DENIED, WAITING]


@pytest.mark.parametrize("result", [ProbeResult.PASS, ProbeResult.ERROR, ProbeResult.TIMEOUT])
async def test_what_does_not_speak_against_it_is_nothing_new(place: Place, result: int):
    async with asked(place) as core:
        await deny(core)
        await days(core, place, 3)
        await fails(core, place, result)
        await days(core, place, 2)

        assert await questions(core) == [DENIED]


async def test_every_no_counts_from_its_own_time_and_for_what_was_known_then(place: Place):
    async with asked(place) as core:
        await deny(core)
        await fails(core, place)
        await days(core, place, WEEK_D)
        await deny(core)
        await days(core, place, MONTH_D - 1)
        assert await questions(core) == [DENIED, DENIED]


async def test_a_no_to_somebody_elses_question_counts_as_well(place: Place):
    async with place.running() as core:
        await core.report_probes(AGENT, batch(execution()))
        await core.issue(JANE, asking(Action.QUARANTINE))
        await days(core, place, MONTH_D - 1)
        await core.issue(JANE, asking(CONDEMN))
        await deny(core)
        await days(core, place, 5)

        assert await questions(core) == [DENIED]


async def test_who_does_not_answer_is_asked_every_day(place: Place):
    async with asked(place) as core:
        await days(core, place, 2)

        assert await questions(core) == [EXPIRED, EXPIRED, WAITING]


async def test_another_quarantine_of_the_same_gpu_begins_anew(place: Place):
    async with asked(place) as core:
        await deny(core)
        await core.issue(JANE, asking(Action.REINSTATE))
        await core.issue(JANE, asking(Action.QUARANTINE))
        await days(core, place, MONTH_D)

        assert await questions(core) == [DENIED, WAITING]
