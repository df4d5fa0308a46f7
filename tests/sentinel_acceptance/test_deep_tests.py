"""A deep test runs after a quarantine by evidence, and reinstates, or asks a person to condemn."""

from __future__ import annotations

import pytest
from tests.sentinel_acceptance.place import FAIL, PASS, PERIODS_S, Agent, Fleet

from sentinel_sdk import AuthenticationError, types

pytestmark = pytest.mark.slow

BAD, DEAD = 1, 5
ASKED = [("QUARANTINE", "EXECUTED"), ("SCHEDULE_DEEP_TEST", "EXECUTED")]
BLAMED_NEEDS, OTHERS_NEED = 1000, 30


@pytest.fixture
async def agent(fleet: Fleet) -> Agent:
    """Of a host with a GPU that was quarantined for a dead SM."""
    agent = await fleet.host()
    await fleet.taken_out(agent, BAD, DEAD)
    return agent


async def told(fleet: Fleet, agent: Agent) -> list[tuple[str, str]]:
    """Directives about the GPU."""
    found = await fleet.directives(agent.gpus[BAD])
    return [(one.directive.action.name, one.status.name) for one in found if one.directive]


async def passed(agent: Agent, blamed: int = BLAMED_NEEDS, others: int = OTHERS_NEED) -> None:
    """Results of the test, all of them good."""
    gpu = agent.gpus[BAD]
    counts = {sm: blamed if sm == DEAD else others for sm in range(agent.sms)}
    await agent.send([(gpu, sm, PASS) for sm, count in counts.items() for _ in range(count)])


async def test_the_gateway_begins_it_by_itself_and_asks_for_probes_ten_times_as_often(fleet: Fleet, agent: Agent):
    assert await fleet.state(agent.gpus[BAD]) == "DEEP_TEST"
    assert await told(fleet, agent) == ASKED
    assert {one.issued_by for one in await fleet.directives(agent.gpus[BAD])} == {"sentinel-gateway"}

    await agent.sweep()

    assert agent.periods_s() == {kind: period_s // 10 for kind, period_s in PERIODS_S.items()}


async def test_a_gpu_that_passes_it_works_again_and_its_belief_starts_anew(fleet: Fleet, agent: Agent):
    before = await fleet.health(agent.gpus[BAD])

    await passed(agent)

    after = await fleet.health(agent.gpus[BAD])
    assert (before.beta, after.state.name, after.alpha, after.beta) == (4.0, "HEALTHY", 100.0, 1.0)
    assert await told(fleet, agent) == [*ASKED, ("REINSTATE", "EXECUTED")]


async def test_too_few_passes_of_the_sm_it_is_for_do_not_end_it(fleet: Fleet, agent: Agent):
    await passed(agent, blamed=BLAMED_NEEDS - 1, others=200)

    assert await fleet.state(agent.gpus[BAD]) == "DEEP_TEST"


async def test_a_failure_asks_to_condemn_and_nothing_is_condemned_before_a_person_agrees(fleet: Fleet, agent: Agent):
    await agent.send([(agent.gpus[BAD], DEAD, FAIL)])

    assert await told(fleet, agent) == [*ASKED, ("CONDEMN", "WAITING")]
    assert await fleet.state(agent.gpus[BAD]) == "DEEP_TEST"
    asked = (await fleet.directives(agent.gpus[BAD]))[-1].directive
    assert asked
    with pytest.raises(AuthenticationError):
        await fleet.clients["agent"].aapprove_directive(asked.directive_id)
    await fleet.clients["ann"].aapprove_directive(asked.directive_id, "its replacement is ordered")
    assert await fleet.state(agent.gpus[BAD]) == "CONDEMNED"


async def test_after_a_failure_no_number_of_passes_brings_it_back(fleet: Fleet, agent: Agent):
    await agent.send([(agent.gpus[BAD], DEAD, FAIL)])

    await passed(agent, blamed=2000)

    assert await fleet.state(agent.gpus[BAD]) == "DEEP_TEST"
    assert await told(fleet, agent) == [*ASKED, ("CONDEMN", "WAITING")]


class TestWhereItIsSwitchedOff:
    @pytest.fixture
    def groups(self):
        return {"model": {"deep_test_automatic": False}}

    async def test_the_gpu_stays_quarantined_until_a_person_begins_one(self, fleet: Fleet, agent: Agent):
        gpu = agent.gpus[BAD]
        await fleet.passes(3600)
        assert await fleet.state(gpu) == "QUARANTINED"

        action = types.QuarantineAction.SCHEDULE_DEEP_TEST
        await fleet.clients["olga"].aissue_quarantine(gpu.uuid, action, "to find out", "olga")

        await passed(agent)
        assert await fleet.state(gpu) == "HEALTHY"
