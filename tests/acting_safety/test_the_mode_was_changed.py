"""An agent that comes back in another mode does nothing that its new mode would not have allowed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.acting_safety.conftest import NODE, Death, Yard, a_yard, again

from gcm_sentinel.app.life.acting_repair import ActingRepair
from gcm_sentinel.app.life.hearing import Hearing
from gcm_sentinel.app.life.standing_down import StandingDown
from gcm_sentinel.app.upkeep_plan import Replica
from gcm_sentinel.domain.action_record import ActionRecord, ActionState, Approval, Decision, Refusal
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.storage.actions import Step
from gcm_sentinel.storage.approvals import Approvals

pytestmark = pytest.mark.slow

WITHDRAWN = "the agent's mode is recommend now"
SILENT = timedelta(seconds=16)


async def stand_down(yard: Yard, mode: Mode = Mode.RECOMMEND) -> None:
    down = StandingDown(yard.stores, mode, yard.queue.cancel, yard.clock, executor="new")
    await yard.stores.executors.beat("new", str(mode))
    await down.stand_down()


class Nobody:
    """An engine that has no work to take over."""

    async def adopt(self, executor_ids: Collection[str]) -> int:
        return 0


class RefusedOnceRead(Approvals):
    """A person refuses right after the question was read."""

    async def of_action(self, action_id: str) -> Approval | None:
        found = await super().of_action(action_id)
        if found is not None:
            await self.decide(found.id, Decision(False, found.digest, "ada", "cli", found.requested_at))
        return found


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
    ("answer", "later", "refusal", "words"),
    [
        (False, 0, Refusal.PERSON, "ada refused by cli: seen"),
        (None, 61, Refusal.EXPIRED, "nobody decided until 2026-11-21T04:00:00+00:00"),
        (True, 61, Refusal.EXPIRED, "ada approved it at 2026-11-21T03:00:00+00:00, and an approval holds for 60 min"),
    ],
)
async def test_what_became_of_a_question_is_kept_with_what_is_withdrawn(tmp_path, answer, later, refusal, words):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.work()
        if answer is not None:
            await yard.decide(record, approve=answer)
        yard.clock.moment += timedelta(minutes=later)

        await stand_down(yard)

        ended = await yard.now(record)
        assert (ended.state, ended.refusal, ended.note) == (ActionState.REFUSED, refusal, words)
        assert not (await yard.question(record)).withdrawn


async def test_what_a_person_refused_is_not_done_in_execute_after_another_mode_in_between(tmp_path):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.work()
        await yard.decide(record, approve=False)
        await stand_down(yard)

        yard.mode = Mode.EXECUTE
        later = await yard.ask(await again(yard, advises_it=True), NODE)
        await yard.work()

        assert "a person has refused" in (await yard.now(later)).note
        assert yard.store.writes == []


async def test_a_person_who_refuses_just_as_it_stands_down_is_heard(tmp_path):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.work()
        yard.stores = replace(yard.stores, approvals=RefusedOnceRead(yard.stores.database))

        await stand_down(yard)

        assert ((await yard.now(record)).refusal, (await yard.question(record)).decided_by) == (Refusal.PERSON, "ada")


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


async def test_replicas_that_could_not_be_heard_are_not_taken_for_dead(yard):
    """The database was away for all of them, and one that may not act is back first."""
    record, _ = await stopped(yard, 1)
    hearing = Hearing(yard.clock)
    replica = Replica(yard.stores.executors, Nobody(), "new", hearing, "recommend")
    down = StandingDown(yard.stores, Mode.RECOMMEND, yard.queue.cancel, yard.clock, executor="new", hearing=hearing)
    await down.stand_down()  # before its first beat
    await yard.stores.executors.beat("old", "execute")
    await replica.beat()
    yard.clock.moment += SILENT
    await down.stand_down()  # before its beat could be stored
    await replica.beat()
    await down.stand_down()
    assert ((await yard.now(record)).state, yard.queue.over) == (ActionState.RUNNING, {})

    for _ in range(8):
        yard.clock.moment += timedelta(seconds=4)
        await replica.beat()
    await down.stand_down()
    assert (await yard.now(record)).state is ActionState.FAILED


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
