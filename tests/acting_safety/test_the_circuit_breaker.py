"""The breaker opens when more is out than may be and more was to be done; a person closes it, and nobody else."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from tests.acting_safety.conftest import FLEET, NODE, Death, Yard, sighting

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.remediation.desk import Desk
from gcm_sentinel.remediation.survey import Surveyor

REFUSED = ActionState.REFUSED
THREE_OUT = "3 of 20 GPU nodes were out of service, 2 may be, and more was to be done to a node"


async def is_open(yard: Yard) -> bool:
    return (await yard.stores.actions.breaker()).is_open


async def test_more_out_than_may_be_opens_it_and_says_why(yard):
    record = await yard.proposed()
    yard.cordon(*FLEET[5:8])

    with capture_logs() as logs:
        await yard.work()

    assert (await yard.stores.actions.breaker()).reason == THREE_OUT
    assert [item["reason"] for item in logs if item["event"] == "breaker.opened"] == [THREE_OUT]
    assert (await yard.now(record)).state is REFUSED
    assert yard.store.writes == []


async def test_a_full_house_refuses_and_opens_nothing(yard):
    record = await yard.proposed()
    yard.cordon(*FLEET[5:7])

    await yard.work()

    assert "3 of 20 GPU nodes would be out of service, 2 may be" in (await yard.now(record)).note
    assert not await is_open(yard)


async def test_it_opens_when_the_fleet_falls_out_between_ruling_and_beginning(yard):
    record = await yard.proposed()
    await yard.queue.submit(f"{record.id}@proposed", priority=1)
    await yard.run(f"{record.id}@proposed", Death(0, recorded=True))
    yard.cordon(*FLEET[5:8])

    await yard.work()

    assert await is_open(yard)
    assert (await yard.now(record)).state is REFUSED


async def test_a_node_that_is_out_already_is_not_one_more(yard):
    record = await yard.proposed()
    yard.cordon(*FLEET[5:8])
    node = yard.node()
    status = {**node["status"], "conditions": [{"type": "Ready", "status": "False"}]}
    yard.store.put({**node, "status": status}, manager="kubelet")

    await yard.work()

    assert (await yard.now(record)).state is ActionState.DONE
    assert not await is_open(yard)


async def test_an_order_that_something_else_speaks_against_opens_nothing(yard):
    """A node of another incident, asked for while too much is out: a model cannot stop everything by asking wrongly."""
    record = await yard.proposed(target=FLEET[11])
    yard.cordon(*FLEET[5:8])

    await yard.work()

    assert "is not one of those this incident is about" in (await yard.now(record)).note
    assert not await is_open(yard)


@pytest.mark.parametrize(("node", "opens"), [(NODE, True), (FLEET[11], False)])
async def test_asking_at_the_desk_opens_it_as_well(yard, node, opens):
    incident = await yard.investigated()
    yard.cordon(*FLEET[5:8])
    tools = [yard.acting.executor._tool(order) for order in [(await yard.ask(incident, NODE)).order]]
    desk = Desk(tools, Surveyor(yard.client, yard.stores.actions, yard.clock), yard.policy, yard.mode)
    scope = Scope(incident, (sighting(node, yard.clock.now()),))

    answer = await desk.execute(ToolCall("c", "cordon_node", {"node_name": node, "reason": "r"}), scope)

    assert "Refused" in answer.note
    assert await is_open(yard) is opens


async def test_while_it_is_open_nothing_is_taken_out_although_there_is_room_again(yard):
    record = await yard.proposed()
    await yard.stores.actions.open_breaker(yard.clock.now(), THREE_OUT)

    await yard.work()

    assert f"the circuit breaker is open ({THREE_OUT})" in (await yard.now(record)).note
    assert yard.store.writes == []


async def test_nothing_but_a_person_closes_it(yard):
    await yard.proposed()
    await yard.stores.actions.open_breaker(yard.clock.now(), THREE_OUT)
    await yard.work()
    await yard.close("inc-1")
    await yard.work()

    assert await is_open(yard)
    assert await yard.stores.actions.close_breaker(yard.clock.now(), "ada")
    again = await yard.proposed("inc-2", FLEET[3])
    await yard.work()
    assert (await yard.now(again)).state is ActionState.DONE
