"""What a responder can never do: clear evidence, undo what others decided, keep people from deciding or being asked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sentinel_core.gateway import AGENT, OMAR, Place, asking, batch, failures, gpu
from tests.sentinel_core.sweeps import Sweeps, directives
from tests.sentinel_core.sweeps import state as state_of
from tests.sentinel_core.test_deep_tests import BAD, DEAD, GPUS, SMS, ran
from tests.sentinel_core.test_who_may_direct import ALONE, BOT, EXECUTED, OLGA, WAITING, C, D, Q, R, begun

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.directives import DirectiveStatus
from sentinel_gateway.domain.errors import Denied
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.domain.roles import Caller, Role

DAY_S = 24 * 3600
OTHER = Caller("another", frozenset({Role.RESPONDER}), "token")


@pytest.fixture
def sweeps(place: Place) -> Sweeps:
    return Sweeps(place, GPUS, SMS)


async def suspected(core: Core) -> None:
    await begun(core, "in use")
    await core.report_probes(AGENT, batch(*failures(2), sequence=5))


@pytest.mark.parametrize("tested", [(), (D,)], ids=["", "tested"])
async def test_a_suspect_it_took_out_comes_back_as_suspect_with_all_its_evidence(either: Place, tested):
    async with either.running() as core:
        await suspected(core)
        before = await core.gpu_health(gpu().uuid, with_sms=True)
        for action in (Q, *tested):
            await core.issue(BOT, asking(action))
    async with either.running() as core:
        told = await core.issue(BOT, asking(R))
        after = await core.gpu_health(gpu().uuid, with_sms=True)

    assert told.resulting_state is after.state is before.state is HealthState.SUSPECT
    assert (after.alpha, after.beta, after.sm_health) == (before.alpha, before.beta, before.sm_health)
    assert before.beta > 1


async def test_what_it_gave_back_is_in_use_and_can_be_taken_again(place: Place):
    async with place.running() as core:
        await suspected(core)
        for action in (Q, R, Q, R):
            assert (await core.issue(BOT, asking(action))).status is EXECUTED
        with pytest.raises(Denied, match="not out of use by one caller's doing"):
            await core.issue(BOT, asking(R))
        await core.issue(OLGA, asking(R))

        health = await core.gpu_health(gpu().uuid)
    assert (health.state, health.beta) == (HealthState.HEALTHY, 1.0)


async def test_a_dead_sm_is_found_whatever_a_responder_takes_and_gives_back_meanwhile(place: Place, sweeps: Sweeps):
    async with place.running() as core:
        for _ in range(2):
            await sweeps.sweep(core, {(BAD, DEAD)})
            for action in (Q, R):
                await core.issue(BOT, asking(action, on=BAD))
        await sweeps.sweep(core, {(BAD, DEAD)})

        assert await state_of(core, BAD) is HealthState.DEEP_TEST


@pytest.mark.parametrize("who", [OLGA, OTHER], ids=["operator", "another responder"])
async def test_its_test_of_what_another_took_out_waits_and_gives_nothing_back(place: Place, sweeps: Sweeps, who):
    async with place.running() as core:
        await sweeps.sweep(core)
        await core.issue(who, asking(Q, on=BAD))

        assert (await core.issue(BOT, asking(D, "d", on=BAD))).status is WAITING
        await ran(core, sweeps, dict.fromkeys(range(SMS), 1000))
        assert await state_of(core, BAD) is HealthState.QUARANTINED
        assert (await core.decide(OMAR, "d", approve=True)).status is EXECUTED


async def test_its_test_of_what_the_gateway_took_out_waits(place: Place, sweeps: Sweeps):
    model = replace(place.settings.model, deep_test_automatic=False)
    place.settings = replace(place.settings, model=model)
    async with place.running() as core:
        for _ in range(3):
            await sweeps.sweep(core, {(BAD, DEAD)})
        assert await state_of(core, BAD) is HealthState.QUARANTINED

        assert (await core.issue(BOT, asking(D, on=BAD))).status is WAITING


@pytest.mark.parametrize("who", [OLGA, BOT], ids=["operator", "responder"])
async def test_what_it_took_out_itself_is_tested_at_once(place: Place, who: Caller):
    async with place.running() as core:
        await begun(core, "mine")

        assert (await core.issue(who, asking(D))).status is EXECUTED


@pytest.mark.parametrize("who", [OLGA, OTHER], ids=["operator", "another responder"])
async def test_what_another_asks_about_its_gpu_is_overtaken_by_nothing_it_does(place: Place, who: Caller):
    async with place.running() as core:
        await begun(core, "mine")
        await core.issue(who, asking(C, "asked"))

        with pytest.raises(Denied, match=f"directive of '{who.name}' waits"):
            await core.issue(BOT, asking(R))
        assert (await core.issue(BOT, asking(D))).status is WAITING
        assert (await core.decide(OMAR, "asked", approve=True)).status is EXECUTED


async def test_once_the_other_has_its_answer_it_gives_back(place: Place):
    async with place.running() as core:
        await begun(core, "mine")
        await core.issue(OLGA, asking(C, "asked"))
        await core.decide(OMAR, "asked", approve=False)
        await core.issue(BOT, asking(C, "its own"))

        assert (await core.issue(BOT, asking(R))).resulting_state is HealthState.HEALTHY


async def test_people_are_asked_about_a_forgotten_gpu_whatever_it_asks_meanwhile(either: Place):
    async with either.running() as core:
        await begun(core, "another's")
        either.clock.sleep(30 * DAY_S - 1)
        await core.upkeep()
        await core.issue(BOT, asking(C))
    async with either.running() as core:
        either.clock.sleep(1)
        await core.upkeep()

        waiting = [one.issued_by for one in await directives(core, gpu()) if one.status is WAITING]
    assert waiting == [BOT.name, "sentinel-gateway"]


async def test_who_may_decide_decides_though_it_names_them(place: Place):
    place.settings = ALONE
    async with place.running() as core:
        await begun(core, "in use")
        for _ in range(2):
            await core.issue(BOT, asking(C, "c", initiated_by=OMAR.name))
        told = await core.decide(OMAR, "c", approve=False)

    assert (told.status, told.directive.initiated_by) == (DirectiveStatus.DENIED, BOT.name)


async def test_one_with_the_gateways_name_does_not_own_what_the_gateway_took_out(place: Place, sweeps: Sweeps):
    ghost = Caller("sentinel-gateway", frozenset({Role.RESPONDER}), "token")
    async with place.running() as core:
        for _ in range(3):
            await sweeps.sweep(core, {(BAD, DEAD)})

        with pytest.raises(Denied):
            await core.issue(ghost, asking(R, on=BAD))
