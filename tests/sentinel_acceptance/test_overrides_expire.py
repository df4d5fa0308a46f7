"""More probes are asked for while there is a reason; an agent that hears no more is back at its own schedule."""

from __future__ import annotations

import pytest
from tests.sentinel_acceptance.place import PERIODS_S, Agent, Fleet

from sentinel_sdk import types

pytestmark = pytest.mark.slow

BAD, DEAD = 1, 5
TWICE = {kind: period_s // 2 for kind, period_s in PERIODS_S.items()}


@pytest.fixture
async def agent(fleet: Fleet) -> Agent:
    """Of a host with a GPU that has become SUSPECT just now."""
    agent = await fleet.host()
    for _ in range(2):
        await agent.sweep({(BAD, DEAD)})
        await fleet.passes()
    return agent


async def test_a_host_with_a_suspect_probes_twice_as_often_and_no_other_host_does(fleet: Fleet, agent: Agent):
    other = await fleet.host("node-2")

    await agent.sweep()
    await other.sweep()

    assert (agent.periods_s(), other.periods_s()) == (TWICE, PERIODS_S)


async def test_it_is_over_ten_minutes_after_it_was_asked_for_last(fleet: Fleet, agent: Agent):
    ack = await agent.sweep()
    fleet.clock.sleep(599)
    held = agent.periods_s()
    fleet.clock.sleep(1)

    assert {one.duration_seconds for one in ack.schedule_overrides} == {600}
    assert (held, agent.periods_s()) == (TWICE, PERIODS_S)


async def test_while_the_reason_lasts_it_is_renewed_before_it_is_over(fleet: Fleet, agent: Agent):
    in_force = []
    for _ in range(25):
        await agent.sweep()
        in_force.append(agent.periods_s())
        await fleet.passes()

    assert in_force == [TWICE] * 25


async def test_when_the_reason_is_gone_nothing_renews_it(fleet: Fleet, agent: Agent):
    await agent.sweep()
    for action in (types.QuarantineAction.QUARANTINE, types.QuarantineAction.REINSTATE):
        await fleet.clients["olga"].aissue_quarantine(agent.gpus[BAD].uuid, action, "it was a loose cable", "olga")

    acks = []
    for _ in range(10):
        await fleet.passes()
        acks.append(await agent.sweep())

    assert [list(ack.schedule_overrides) for ack in acks] == [[]] * 10
    assert agent.periods_s() == PERIODS_S


async def test_a_schedule_that_is_pushed_is_what_is_halved(fleet: Fleet, agent: Agent):
    entry = types.ProbeScheduleEntry(
        type=types.ProbeType.FMA, period_seconds=90, sm_coverage=1.0, priority=1, enabled=True, timeout_ms=1000
    )
    update = types.ConfigUpdate(probe_schedule=types.ProbeScheduleUpdate(entries=[entry]), reason="less load")
    assert (await fleet.clients["ann"].aupdate_config(update)).applied

    ack = await agent.sweep()

    assert [(one.probe_type.name, one.period_seconds) for one in ack.schedule_overrides] == [("FMA", 45)]
