"""What storage believes to be under way, and the acting queue does not, comes to an end; what was not begun goes on."""

from __future__ import annotations

import pytest
from tests.acting_safety.conftest import Death, Yard, a_yard

from gcm_sentinel.app.life.acting_repair import ActingRepair
from gcm_sentinel.clients.durable.config import JobState
from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.domain.modes import Mode

pytestmark = pytest.mark.slow

OVER = [JobState.DONE, JobState.FAILED, JobState.GIVEN_UP, JobState.CANCELLED]


async def mend(yard: Yard) -> None:
    await ActingRepair(yard.stores, yard.queue, yard.queue.look, yard.clock).mend()


async def stopped(yard: Yard, step: int) -> tuple[ActionRecord, str]:
    """An action whose job died right after this step, and the job's key."""
    record = await yard.proposed()
    key = f"{record.id}@proposed"
    await yard.queue.submit(key, priority=1)
    await yard.run(key, Death(step, recorded=True))
    return record, key


@pytest.mark.parametrize("state", OVER)
@pytest.mark.parametrize(("step", "was"), [(1, "running"), (3, "carried")])
async def test_what_was_begun_and_whose_job_is_over_has_failed_and_a_person_must_look(yard, state, step, was):
    record, key = await stopped(yard, step)
    yard.queue.over[key] = state

    await mend(yard)

    ended = await yard.now(record)
    assert ended.state is ActionState.FAILED
    assert ended.note == f"its job ended as {state.value!r} after 1 starts while it was {was}: a person must look"


async def test_what_was_begun_is_never_handed_in_again(yard):
    record, key = await stopped(yard, 2)
    del yard.queue.steps[key]

    await mend(yard)
    await yard.work()

    assert (await yard.now(record)).state is ActionState.FAILED
    assert (list(yard.queue.steps), len(yard.store.writes)) == ([], 1)


@pytest.mark.parametrize("step", [-1, 0])
async def test_what_was_not_begun_and_the_queue_never_heard_of_is_done(yard, step):
    record, key = await stopped(yard, step) if step >= 0 else (await yard.proposed(), "")
    yard.queue.steps.pop(key, None)

    await mend(yard)
    await yard.work()

    assert (await yard.now(record)).state is ActionState.DONE


@pytest.mark.parametrize("state", OVER)
@pytest.mark.parametrize("death", [Death(0, recorded=True), None], ids=["approved", "proposed"])
async def test_what_was_not_begun_and_whose_job_is_over_is_refused(yard, state, death):
    record = await yard.proposed()
    key = f"{record.id}@proposed"
    await yard.queue.submit(key, priority=1)
    if death:
        await yard.run(key, death)
    yard.queue.over[key] = state

    await mend(yard)

    ended = await yard.now(record)
    assert (ended.state, yard.store.writes) == (ActionState.REFUSED, [])
    assert "nothing was sent" in ended.note


async def test_a_question_to_people_waits_for_them(tmp_path):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.work()

        await mend(yard)

        assert (await yard.now(record)).state is ActionState.WAITING


@pytest.mark.parametrize("state", [None, JobState.GIVEN_UP])
async def test_an_approval_whose_job_is_lost_is_followed_and_one_whose_job_broke_comes_to_an_end(tmp_path, state):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.work()
        await yard.decide(record)
        if state:
            key = f"{record.id}@{(await yard.question(record)).id}"
            await yard.queue.submit(key, priority=1)
            yard.queue.over[key] = state
        await mend(yard)
        await yard.work()

        assert (await yard.now(record)).state is (ActionState.REFUSED if state else ActionState.DONE)


async def test_what_somebody_works_on_is_left_alone(yard):
    record, _ = await stopped(yard, 2)

    await mend(yard)

    assert (await yard.now(record)).state is ActionState.RUNNING
    await yard.work()
    assert (await yard.now(record)).state is ActionState.DONE
