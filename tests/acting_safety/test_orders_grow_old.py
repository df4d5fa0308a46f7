"""An order and its approval hold for a while and for one situation; what comes after asks again or is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.acting_safety.conftest import CORDON, NODE, a_yard, again

from gcm_sentinel.domain.action_record import ActionState, ApprovalState
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.storage.actions import Step

DONE, REFUSED, APPROVED = ActionState.DONE, ActionState.REFUSED, ActionState.APPROVED
HOUR = timedelta(hours=1)


@pytest.fixture
async def asking(tmp_path):
    """An agent in `approve`."""
    async with a_yard(tmp_path, mode=Mode.APPROVE) as found:
        yield found


@pytest.mark.parametrize(("later", "state"), [(0.9 * HOUR, DONE), (1.1 * HOUR, REFUSED)])
async def test_an_approval_holds_for_an_hour(asking, later, state):
    record = await asking.proposed()
    await asking.work()
    await asking.decide(record)
    asking.clock.moment += later
    await asking.work()

    assert (await asking.now(record)).state is state
    assert state is DONE or "an approval holds for 60 min" in (await asking.now(record)).note


async def test_what_was_approved_too_long_ago_is_asked_again_in_execute_too(asking):
    record = await asking.proposed()
    await asking.work()
    await asking.decide(record)
    asking.clock.moment += 1.1 * HOUR
    await asking.work()
    assert (await asking.now(record)).state is REFUSED

    asking.mode = Mode.EXECUTE
    later = await asking.ask(await again(asking, advises_it=True), NODE)
    await asking.work()
    assert (await asking.now(later)).state is ActionState.WAITING
    assert "no decision about it holds any more" in (await asking.now(later)).ruling
    assert asking.cordoned == []


async def test_a_proposal_that_was_left_for_a_day_is_refused(yard):
    record = await yard.proposed()
    yard.clock.moment += timedelta(days=1)
    await yard.work()

    assert "what it rests on is 1440 min old, 180 min may be" in (await yard.now(record)).note
    assert yard.cordoned == []


async def test_a_question_that_a_newer_investigation_answered_cannot_be_decided_any_more(asking):
    record = await asking.proposed()
    await asking.work()
    await again(asking, advises_it=False)
    await asking.work()

    assert "inc-1.2 of the same incident is newer" in (await asking.now(record)).note
    asked = await asking.question(record)
    assert (asked.state, asked.decided_by) == (ApprovalState.WITHDRAWN, "")
    with pytest.raises(Refused, match="was withdrawn: investigation inc-1.2"):
        await asking.decide(record)
    await asking.work()
    assert asking.cordoned == []


async def test_an_approval_after_a_newer_investigation_that_advises_otherwise_does_nothing(asking):
    record = await asking.proposed()
    await asking.work()
    await asking.decide(record)
    await again(asking, advises_it=False)
    await asking.work()

    assert (await asking.now(record)).state is REFUSED


async def test_a_newer_investigation_that_advises_the_same_leaves_the_question(asking):
    record = await asking.proposed()
    await asking.work()
    await again(asking, advises_it=True)
    await asking.work()
    await asking.decide(record)
    await asking.work()

    assert (await asking.now(record)).state is DONE


async def test_two_orders_on_a_node_are_carried_out_one_after_the_other(yard):
    incident = await yard.investigated()
    cordon, drain = [await yard.ask(incident, NODE, one) for one in (CORDON, Operation.DRAIN_NODE)]
    await yard.stores.actions.advance(cordon.id, Step(APPROVED, yard.clock.now()))
    step = Step(ActionState.RUNNING, yard.clock.now(), executor="pod-0", job=f"{cordon.id}@proposed")
    assert await yard.stores.actions.begin(cordon.id, step, yard.clock.now(), lambda _: "") == ""
    await yard.work()
    waits = await yard.now(drain)
    assert (waits.state, waits.put_off, waits.ruling) == (APPROVED, 1, f"{CORDON} is under way on {NODE}")

    await yard.stores.actions.advance(cordon.id, Step(ActionState.FAILED, yard.clock.now()))
    await yard.work()
    assert (await yard.now(drain)).state is DONE
