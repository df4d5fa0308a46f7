"""What was ruled, asked or begun before a crash is held against the world as it is after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete
from tests.acting_safety.conftest import NODE, POLICY, Death, Yard, a_yard, again

from gcm_sentinel.app.life.acting_repair import ActingRepair
from gcm_sentinel.app.life.action_rulings import Rulings
from gcm_sentinel.clients.durable.config import JobRecord, JobState
from gcm_sentinel.domain.action_record import ActionRecord, ActionState, ApprovalState, Refusal
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.gate import Ruling, Verdict
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.storage.actions import Step
from gcm_sentinel.storage.schema import symptoms

pytestmark = pytest.mark.slow

REFUSED = ActionState.REFUSED
RULED, BEGUN, SENT = 0, 1, 2
"""The steps of a cordon, by number."""


async def stopped(yard: Yard, death: Death) -> ActionRecord:
    """An order whose job died there."""
    record = await yard.proposed()
    await yard.hand_over()
    await yard.run(f"{record.id}@proposed", death)
    return record


async def close(yard: Yard) -> None:
    await yard.close("inc-1")


async def advise_otherwise(yard: Yard) -> None:
    await again(yard, advises_it=False)


async def mend(yard: Yard) -> None:
    async with yard.stores.database.writing() as connection:
        await connection.execute(delete(symptoms))


async def wait(yard: Yard) -> None:
    yard.clock.moment += timedelta(days=2)


async def switch_off(yard: Yard) -> None:
    yard.policy = replace(POLICY, operations=frozenset({Operation.DRAIN_NODE}))


async def hold(yard: Yard) -> None:
    yard.mark(**{"dgxc.nvidia.com__nvsentinel-state": "draining"})


@pytest.mark.parametrize("happens", [close, advise_otherwise, mend, wait, switch_off, hold])
async def test_what_was_allowed_before_a_crash_is_ruled_on_again_before_it_is_begun(yard, happens):
    record = await stopped(yard, Death(RULED, recorded=True))
    assert (await yard.now(record)).state is ActionState.APPROVED
    await happens(yard)

    await yard.work()

    ended = await yard.now(record)
    assert (ended.state, ended.started_at, yard.store.writes) == (REFUSED, None, [])


async def test_so_is_what_a_person_approved(tmp_path):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.work()
        await yard.decide(record)
        await yard.hand_over()
        (key,) = yard.queue.open
        await yard.run(key, Death(RULED, recorded=True))
        await yard.close("inc-1")

        await yard.work()

        assert ((await yard.now(record)).state, yard.store.writes) == (REFUSED, [])


@pytest.mark.parametrize(("happens", "recorded"), [(close, True), (mend, True), (wait, True), (wait, False)])
async def test_what_was_begun_and_not_sent_is_not_sent_after_the_reason_has_gone(yard, happens, recorded):
    record = await stopped(yard, Death(BEGUN, recorded=recorded))
    assert (await yard.now(record)).state is ActionState.RUNNING
    await happens(yard)

    await yard.work(Death(SENT, recorded=True))

    ended = await yard.now(record)
    assert (ended.state, yard.store.writes) == (REFUSED, [])
    assert "nothing of it is there" in ended.note


async def test_what_may_have_arrived_by_then_is_taken_back(yard):
    record = await stopped(yard, Death(SENT, recorded=False))
    assert yard.cordoned == [NODE]
    await yard.close("inc-1")

    await yard.work()

    assert ((await yard.now(record)).state, yard.cordoned) == (ActionState.UNDONE, [])


async def test_what_was_answered_is_seen_through(yard):
    record = await stopped(yard, Death(SENT, recorded=True))
    await close(yard)
    await wait(yard)

    await yard.work()

    assert ((await yard.now(record)).state, yard.cordoned) == (ActionState.DONE, [NODE])


async def asked(yard: Yard, **about: Any) -> ActionRecord:
    """An order whose job died after it had stored its question, and before the order waited for it."""
    record = await yard.proposed(**about)
    await yard.hand_over()
    rulings = Rulings(yard.stores, yard.acting, yard.clock, executor="pod-0")
    await yard.stores.approvals.ask(rulings._question(record, yard.clock.now()))
    return record


@pytest.fixture
async def asking(tmp_path):
    """An agent in `approve`."""
    async with a_yard(tmp_path, mode=Mode.APPROVE) as found:
        yield found


async def test_no_question_is_left_about_what_was_refused_meanwhile(asking):
    record = await asked(asking)
    await asking.close("inc-1")

    await asking.work()

    assert (await asking.now(record)).state is REFUSED
    assert (await asking.question(record)).reason == (await asking.now(record)).note
    with pytest.raises(Refused, match="was withdrawn"):
        await asking.decide(record)


async def test_nor_about_what_others_refused_while_it_was_ruled_on(asking):
    record = await asking.proposed()
    rulings = Rulings(asking.stores, asking.acting, asking.clock, executor="pod-0")
    await asking.stores.actions.advance(record.id, Step(REFUSED, asking.clock.now(), note="as it was"))

    await rulings._settle(record, Ruling(Verdict.ASK, ("a person decides",)))

    assert (await asking.question(record)).withdrawn


async def test_nor_about_what_its_broken_job_left(asking):
    record = await asked(asking)
    (key,) = asking.queue.open
    asking.queue.over[key] = JobState.GIVEN_UP

    await ActingRepair(asking.stores, asking.queue, asking.queue.look, asking.clock).mend()

    assert ((await asking.now(record)).state, (await asking.question(record)).withdrawn) == (REFUSED, True)


async def test_a_question_that_a_job_asks_while_it_is_looked_for_waits(asking: Yard) -> None:
    record = await asking.proposed()

    async def look(key: str) -> JobRecord | None:
        await asking.work()
        return await asking.queue.look(key)

    await ActingRepair(asking.stores, asking.queue, look, asking.clock).mend()

    assert (await asking.now(record)).state is ActionState.WAITING
    assert (await asking.question(record)).state is ApprovalState.WAITING


@pytest.mark.parametrize("broken", [False, True])
async def test_a_refusal_that_came_before_the_order_waited_for_it_is_a_persons(asking, broken):
    record = await asked(asking)
    await asking.decide(record, approve=False)
    if broken:
        asking.queue.over[asking.queue.open[0]] = JobState.GIVEN_UP

    await asking.work()
    await ActingRepair(asking.stores, asking.queue, asking.queue.look, asking.clock).mend()

    ended = await asking.now(record)
    assert (ended.state, ended.refusal, ended.note) == (REFUSED, Refusal.PERSON, "ada refused by cli: seen")


async def test_what_is_asked_twice_waits_once(asking):
    record = await asked(asking)

    await asking.work(Death(RULED, recorded=False))

    assert (await asking.now(record)).state is ActionState.WAITING
    assert (await asking.question(record)).state is ApprovalState.WAITING
