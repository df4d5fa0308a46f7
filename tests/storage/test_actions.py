"""An action is recorded once per incident and target, and of several who take it on exactly one may go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.storage.given import at

from gcm_sentinel.domain.action_record import ActionRecord, ActionState, ActionTarget
from gcm_sentinel.storage.actions import Actions, Step

NODE = ActionTarget("node", "gpu-7", "uid-7", "gpu-7")
CORDON = ActionRecord(
    "inc-1",
    "cordon_node",
    NODE,
    "approve",
    at(0),
    investigation_id="inc-1.1",
    arguments={"reason": "Xid 79"},
    reason="unfit for work",
    requested_by="playbook",
)


@pytest.fixture
def actions(database) -> Actions:
    """The action records of the database."""
    return Actions(database)


async def to(actions, *states):
    """Bring it through `states`; what each try answered."""
    return [await actions.advance(CORDON.key, Step(state, at(1))) for state in states]


async def test_a_proposal_comes_back_equal(actions):
    assert await actions.propose(CORDON) == CORDON
    assert await actions.get(CORDON.key) == CORDON


async def test_the_same_proposal_again_finds_the_first(actions):
    await actions.propose(CORDON)
    await to(actions, ActionState.APPROVED)

    again = await actions.propose(replace(CORDON, requested_at=at(9), reason="second thought"))

    assert again == replace(CORDON, state=ActionState.APPROVED)
    assert len(await actions.of_incident("inc-1")) == 1


async def test_another_target_of_the_same_name_is_another_action(actions):
    await actions.propose(CORDON)
    await actions.propose(replace(CORDON, target=replace(NODE, uid="uid-8"), requested_at=at(1)))

    assert [item.target.uid for item in await actions.of_incident("inc-1")] == ["uid-7", "uid-8"]


async def test_its_whole_life_is_recorded(actions):
    await actions.propose(CORDON)
    await actions.advance(CORDON.key, Step(ActionState.APPROVED, at(1)))
    await actions.advance(CORDON.key, Step(ActionState.RUNNING, at(2), executor="pod-a"))
    await actions.advance(CORDON.key, Step(ActionState.DONE, at(3), result={"cordoned": True}, note="verified"))

    assert await actions.get(CORDON.key) == replace(
        CORDON,
        state=ActionState.DONE,
        started_at=at(2),
        ended_at=at(3),
        executor="pod-a",
        result={"cordoned": True},
        note="verified",
    )
    assert [item.key for item in await actions.in_state(ActionState.DONE)] == [CORDON.key]


async def test_what_went_wrong_can_be_undone(actions):
    await actions.propose(CORDON)

    assert await to(actions, ActionState.APPROVED, ActionState.RUNNING, ActionState.FAILED, ActionState.UNDONE) == [
        True,
        True,
        True,
        True,
    ]


async def test_what_was_not_approved_does_not_run(actions):
    await actions.propose(CORDON)

    assert await to(actions, ActionState.RUNNING, ActionState.DONE, ActionState.UNDONE) == [False, False, False]
    assert await actions.get(CORDON.key) == CORDON


async def test_what_has_ended_does_not_run_again(actions):
    await actions.propose(CORDON)
    await to(actions, ActionState.APPROVED, ActionState.RUNNING, ActionState.DONE)

    assert await to(actions, ActionState.APPROVED, ActionState.RUNNING, ActionState.FAILED) == [False, False, False]


async def test_of_many_who_start_it_at_once_one_may(actions):
    await actions.propose(CORDON)
    await to(actions, ActionState.APPROVED)
    tries = [Step(ActionState.RUNNING, at(2), executor=f"pod-{number}") for number in range(12)]

    answers = await asyncio.gather(*(actions.advance(CORDON.key, step) for step in tries))

    assert sorted(answers) == [False] * 11 + [True]
    record = await actions.get(CORDON.key)
    assert record is not None
    assert record.executor == f"pod-{answers.index(True)}"


async def test_of_many_who_propose_it_at_once_all_get_the_same_record(actions):
    proposals = [replace(CORDON, requested_by=f"pod-{number}") for number in range(12)]

    answers = await asyncio.gather(*(actions.propose(item) for item in proposals))

    assert len({item.requested_by for item in answers}) == 1


async def test_an_unknown_action_goes_nowhere(actions):
    assert await actions.get("inc-9/reboot/uid") is None
    assert await to(actions, ActionState.APPROVED) == [False]
