"""An agent that dies at any step of an action, before or after it is recorded, ends where an undisturbed one does."""

from __future__ import annotations

import pytest
from tests.acting_safety.conftest import CORDON, NODE, Death, Yard, a_yard

from gcm_sentinel.app.stores import IN_MEMORY
from gcm_sentinel.clients.durable.config import JobState
from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation

OPERATIONS = {
    CORDON: ("rule", "begin", "send:PATCH", "carried", "check", "ended"),
    Operation.DRAIN_NODE: (
        "rule",
        "begin",
        "look:node",
        "send:PATCH",
        "look:node",
        "carried",
        "check",
        "ended",
        "next",
    ),
}
"""What each records on its way; another one has its line here, and is proven by all that follows."""
DEATHS = [
    pytest.param(
        operation, Death(step, recorded), id=f"{operation}-{step}-{name}-{'recorded' if recorded else 'answered'}"
    )
    for operation, names in OPERATIONS.items()
    for step, name in enumerate(names)
    for recorded in (False, True)
]
MODES = (Mode.APPROVE, Mode.EXECUTE)


async def through(yard: Yard, operation, *deaths: Death) -> ActionRecord:
    """The action as it ends, proposed, and approved where a person is asked."""
    record = await yard.proposed(operation=operation)
    if yard.mode is Mode.APPROVE:
        await yard.work()
        await yard.decide(record)
    await yard.work(*deaths)
    return await yard.now(record)


async def killed_at(folder, url: str, mode: Mode, operation, death: Death) -> None:
    async with a_yard(folder, url, mode) as yard:
        before = len(yard.changed)
        ended = await through(yard, operation, death)

        assert ended.state is ActionState.DONE
        assert yard.cordoned == [NODE]
        assert len(yard.changed) - before == 1
        sent = death == Death(OPERATIONS[operation].index("send:PATCH"), recorded=False)
        assert len(yard.store.writes) == (2 if sent else 1)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_these_are_its_steps(yard, operation):
    record = await yard.proposed(operation=operation)

    await yard.work()

    assert tuple(name for name, _ in yard.queue.steps[f"{record.id}@proposed"]) == OPERATIONS[operation]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("operation", "death"), DEATHS)
async def test_it_is_done_once_on_sqlite(tmp_path, mode, operation, death):
    await killed_at(tmp_path, IN_MEMORY, mode, operation, death)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("operation", "death"), DEATHS)
async def test_it_is_done_once_on_postgresql(tmp_path, postgres_url, mode, operation, death):
    await killed_at(tmp_path, postgres_url, mode, operation, death)


@pytest.mark.parametrize("step", [0, 1])
async def test_a_death_at_the_question_asks_once(tmp_path, step):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.work(Death(0, recorded=bool(step)))

        assert (await yard.now(record)).state is ActionState.WAITING
        assert len(await yard.stores.approvals.waiting(yard.clock.now())) == 1


async def test_what_a_person_decided_while_the_asking_job_was_dead_is_followed(tmp_path):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.queue.submit(f"{record.id}@proposed", priority=1)
        await yard.run(f"{record.id}@proposed", Death(0, recorded=False))
        await yard.decide(record)
        await yard.work()

        assert (await yard.now(record)).state is ActionState.DONE


async def test_a_node_taken_by_others_after_an_unrecorded_request_is_told_to_people(yard):
    """It was cordoned by us, nobody recorded it, and by now NVSentinel keeps it: "nothing was sent" would be untrue."""
    record = await yard.proposed()
    await yard.queue.submit(f"{record.id}@proposed", priority=1)
    assert not await yard.run(f"{record.id}@proposed", Death(2, recorded=False))
    yard.mark(**{"dgxc.nvidia.com__nvsentinel-state": "draining"})

    await yard.work()

    ended = await yard.now(record)
    assert ended.state is ActionState.FAILED
    assert "a person must look" in ended.note


async def test_a_node_taken_by_others_before_anything_was_sent_is_left_to_them(yard):
    record = await yard.proposed()
    await yard.queue.submit(f"{record.id}@proposed", priority=1)
    assert not await yard.run(f"{record.id}@proposed", Death(1, recorded=True))
    yard.mark(**{"dgxc.nvidia.com__nvsentinel-state": "draining"})

    await yard.work()

    ended = await yard.now(record)
    assert ended.state is ActionState.REFUSED
    assert "nothing of it is there" in ended.note
    assert yard.store.writes == []


class Deaf:
    """A writer whose every answer is lost, though the request arrives."""

    def __init__(self, writer):
        self._writer = writer

    async def patch(self, path, body, **how):
        await self._writer.patch(path, body, **how)
        raise Unreachable("no answer in time")


async def test_answers_that_are_lost_again_and_again_are_no_proof_that_nothing_arrived(yard):
    record = await yard.proposed()
    yard.wrap = Deaf

    await yard.work()

    ended = await yard.now(record)
    assert ended.state is ActionState.FAILED
    assert "a person must look" in ended.note
    assert yard.cordoned == []


async def test_a_job_that_lost_its_steps_sends_nothing_more(yard):
    """The queue's record is gone, as after an upgrade that sets jobs back, and the action was begun."""
    record = await yard.proposed()
    key = f"{record.id}@proposed"
    await yard.queue.submit(key, priority=1)
    await yard.run(key, Death(3, recorded=True))
    sent = len(yard.store.writes)
    yard.queue.steps[key].clear()

    await yard.work()

    ended = await yard.now(record)
    assert (ended.state, len(yard.store.writes)) == (ActionState.FAILED, sent)
    assert "a person must look" in ended.note


async def test_a_job_of_another_question_leaves_what_runs_alone(tmp_path):
    async with a_yard(tmp_path, mode=Mode.APPROVE) as yard:
        record = await yard.proposed()
        await yard.work()
        await yard.decide(record)
        asked = await yard.question(record)
        key = f"{record.id}@{asked.id}"
        await yard.queue.submit(key, priority=1)
        await yard.run(key, Death(3, recorded=True))
        yard.queue.steps[f"{record.id}@proposed"].clear()
        del yard.queue.over[f"{record.id}@proposed"]

        assert await yard.run(f"{record.id}@proposed")
        assert (await yard.now(record)).state is ActionState.CARRIED
        await yard.work()
        assert (await yard.now(record)).state is ActionState.DONE
        assert set(yard.queue.over.values()) == {JobState.DONE}
