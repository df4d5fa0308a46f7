"""An agent that comes back in another mode does nothing that its new mode would not have allowed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.acting_safety.conftest import NODE, Death, Yard, a_yard

from gcm_sentinel.app.life.acting_repair import ActingRepair
from gcm_sentinel.app.life.standing_down import StandingDown
from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Refusal
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.storage.actions import Step

WITHDRAWN = "the agent's mode is recommend now"
SILENT = timedelta(seconds=16)


async def stand_down(yard: Yard, mode: Mode = Mode.RECOMMEND) -> None:
    down = StandingDown(yard.stores, mode, yard.queue.cancel, yard.clock, executor="new")
    await yard.stores.executors.beat("new", str(mode))
    await down.stand_down()


async def stopped(yard: Yard, step: int) -> tuple[ActionRecord, str]:
    """An order whose job died right after this step, and the job's key."""
    record = await yard.proposed()
    key = f"{record.id}@proposed"
    await yard.hand_over()
    await yard.run(key, Death(step, recorded=True))
    return record, key


async def test_what_policy_approved_and_nobody_began_is_asked_about_in_approve(yard):
    record, _ = await stopped(yard, 0)
    assert (await yard.now(record)).state is ActionState.APPROVED

    yard.mode = Mode.APPROVE
    await yard.work()
    waits = await yard.now(record)
    assert (waits.state, yard.cordoned) == (ActionState.WAITING, [])
    assert waits.ruling == "in mode approve a person decides about every action"

    await yard.decide(record)
    await yard.work()
    assert (await yard.now(record)).state is ActionState.DONE


@pytest.mark.parametrize("was", [ActionState.PROPOSED, ActionState.APPROVED])
async def test_what_was_not_begun_is_withdrawn_and_stays_so(yard, was):
    record = await yard.proposed() if was is ActionState.PROPOSED else (await stopped(yard, 0))[0]
    assert (await yard.now(record)).state is was

    await stand_down(yard)
    await yard.work()

    ended = await yard.now(record)
    assert (ended.state, ended.note, ended.refusal) == (ActionState.REFUSED, WITHDRAWN, Refusal.RULED)
    assert yard.store.writes == []


@pytest.mark.parametrize("approved", [False, True])
async def test_a_question_is_withdrawn_and_an_approval_leads_to_nothing(tmp_path, approved):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.work()
        if approved:
            await yard.decide(record)

        await stand_down(yard, Mode.ANNOTATE)
        await yard.work()

        ended, asked = await yard.now(record), await yard.question(record)
        assert (ended.state, ended.note) == (ActionState.REFUSED, "the agent's mode is annotate now")
        assert asked.withdrawn is not approved
        assert yard.store.writes == []


@pytest.mark.parametrize(
    ("step", "stands"),
    [
        (1, "cordon_node: some or all of it may have been sent, taken back by uncordon_node"),
        (3, "cordon_node: all of it was sent, taken back by uncordon_node"),
    ],
)
async def test_what_was_under_way_has_failed_and_is_never_gone_on_with(yard, step, stands):
    record, key = await stopped(yard, step)
    sent = len(yard.store.writes)
    await stand_down(yard)

    ended = await yard.now(record)
    look = f"the mode was changed while it ran; a person must look at: node {NODE} ({stands})"
    assert (ended.state, ended.note) == (ActionState.FAILED, look)

    await yard.work()  # in execute again
    await ActingRepair(yard.stores, yard.queue, yard.queue.look, yard.clock).mend()
    assert (len(yard.store.writes), key in yard.queue.open) == (sent, False)
    assert (await yard.now(record)).note == look


@pytest.mark.parametrize("mode", ["execute", "approve", ""])
async def test_while_another_replica_acts_nothing_is_taken_from_it(yard, mode):
    record, _ = await stopped(yard, 1)
    waits = await yard.proposed("inc-2", "gpu-node-2")
    await yard.stores.executors.beat("old", mode)

    await stand_down(yard)
    assert [(await yard.now(one)).state for one in (record, waits)] == [ActionState.RUNNING, ActionState.PROPOSED]

    yard.clock.moment += SILENT
    await stand_down(yard)
    assert [(await yard.now(one)).state for one in (record, waits)] == [ActionState.FAILED, ActionState.REFUSED]


async def test_a_replica_that_may_not_act_either_holds_nothing_up(yard):
    record = await yard.proposed()
    await yard.stores.executors.beat("old", "annotate")

    await stand_down(yard)

    assert (await yard.now(record)).state is ActionState.REFUSED


async def test_what_is_over_is_left_alone(yard):
    record, _ = await stopped(yard, 1)
    await yard.stores.actions.advance(record.id, Step(ActionState.FAILED, yard.clock.now(), note="as it was"))

    await stand_down(yard)

    assert (await yard.now(record)).note == "as it was"
