"""One dead SM of 132 is found and localised within three sweeps of a minute, and nobody else is blamed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from tests.sentinel_acceptance.place import Fleet

from sentinel_sdk import types

pytestmark = pytest.mark.slow

DEAD, BAD = 97, 2
LOCALISED = types.PatternType.SM_LOCALIZED


async def events_until_quarantine(fleet: Fleet) -> list[types.Event]:
    """What a follower hears, up to the state QUARANTINED."""
    heard: list[types.Event] = []
    async with asyncio.timeout(20), aclosing(fleet.clients["olga"].afollow_events()) as events:
        async for event in events:
            heard.append(event)
            if event.state and event.state.to_state is types.GpuHealthState.QUARANTINED:
                break
    return heard


async def test_it_is_suspected_after_two_sweeps_and_quarantined_after_three(fleet: Fleet):
    agent = await fleet.host(gpus=4, sms=132)
    stood = []

    for _ in range(3):
        await agent.sweep({(BAD, DEAD)})
        stood.append([await fleet.state(gpu) for gpu in agent.gpus])
        await fleet.passes()

    assert [states.pop(BAD) for states in stood] == ["HEALTHY", "SUSPECT", "QUARANTINED"]
    assert stood == [["HEALTHY"] * 3] * 3


async def test_the_sm_is_named_at_each_step_with_the_failures_it_rests_on(fleet: Fleet):
    agent = await fleet.host(gpus=4, sms=132)

    await fleet.taken_out(agent, BAD, DEAD)

    bad = agent.gpus[BAD]
    found = [one for one in (await fleet.history(bad)).correlations if one.pattern_type is LOCALISED]
    blamed = [(sm.gpu and sm.gpu.uuid, sm.sm_id) for sm in (one.attributed_sm for one in found) if sm]
    assert blamed == [(bad.uuid, DEAD)] * 2
    assert [len(one.events_correlated) for one in found] == [2, 3]
    assert found[-1].confidence > 0.9
    failing = {one.sm.sm_id: one.probe_fail_count for one in (await fleet.health(bad)).sm_health if one.sm}
    assert {sm: count for sm, count in failing.items() if count} == {DEAD: 3}


async def test_who_follows_hears_it_in_order_and_how_long_it_took(fleet: Fleet):
    agent = await fleet.host(gpus=4, sms=132)
    began = agent.now()

    await fleet.taken_out(agent, BAD, DEAD)

    heard = await events_until_quarantine(fleet)
    states = [one.state.to_state.name for one in heard if one.state]
    assert states == ["SUSPECT", "QUARANTINED"]
    assert {one.gpu.uuid for one in heard if one.gpu} == {agent.gpus[BAD].uuid}
    assert heard[-1].time
    assert (heard[-1].time - began).total_seconds() == pytest.approx(120, abs=1)


@pytest.mark.parametrize("kind", [types.ProbeType.MEMORY, types.ProbeType.TENSOR_CORE])
async def test_whichever_probe_sees_it(fleet: Fleet, kind: types.ProbeType):
    agent = await fleet.host(sms=132)

    for _ in range(3):
        await agent.sweep({(BAD, DEAD)}, probe_type=kind)
        await fleet.passes(600)

    assert (await fleet.states(agent.gpus[BAD]))[:2] == ["SUSPECT", "QUARANTINED"]
