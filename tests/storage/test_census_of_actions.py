"""The gauges of acting tell what was ordered within a day, the oldest open question, and the breaker."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.storage.given import NOW, at
from tests.storage.test_actions import CORDON

from gcm_sentinel.domain.action_record import ActionState, Approval
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.storage.actions import Actions, Step
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.census import take_census

DRAIN = replace(CORDON, order=replace(CORDON.order, operation=Operation.DRAIN_NODE))
OLD = replace(CORDON, order=replace(CORDON.order, incident_id="inc-0", investigation_id="inc-0.1"))


async def test_without_actions_there_is_nothing(database):
    census = await take_census(database)

    assert (census.actions, census.oldest_waiting, census.breaker_open) == ({}, None, False)


async def test_actions_of_a_day_are_counted_by_operation_and_state(database):
    actions = Actions(database)
    await actions.propose([CORDON, DRAIN, replace(OLD, requested_at=NOW - timedelta(days=2))])
    await actions.advance(DRAIN.id, Step(ActionState.REFUSED, at(1)))

    census = await take_census(database)

    assert census.actions == {("cordon_node", "proposed"): 1, ("drain_node", "refused"): 1}


async def test_the_oldest_question_that_can_still_be_decided(database):
    approvals = Approvals(database)
    asked = [("ap-1", -90, -30), ("ap-2", -20, 40), ("ap-3", -10, 50)]
    for name, since, until in asked:
        await approvals.ask(Approval(name, "inc-1", CORDON.id, "d", at(since), at(until)))

    assert (await take_census(database)).oldest_waiting == at(-20)


async def test_an_open_breaker_shows(database):
    await Actions(database).open_breaker(at(0), "too much")

    assert (await take_census(database)).breaker_open
