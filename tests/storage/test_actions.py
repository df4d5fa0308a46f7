"""An action is recorded as the exact order it is about, begun once per incident, and by exactly one who tries."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import insert, update
from structlog.testing import capture_logs
from tests.storage.given import Closing, Given, at, trigger

from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, ApiCall, Order
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.storage.actions import Actions, Step
from gcm_sentinel.storage.codecs import forget_reports
from gcm_sentinel.storage.schema import actions as table
from gcm_sentinel.storage.schema import symptoms

NODE = ActionTarget("node", "gpu-7", "uid-7")
CALL = ApiCall("PATCH", "/api/v1/nodes/gpu-7", {"spec": {"unschedulable": True}}, "application/merge-patch+json")
ORDER = Order(
    Operation.CORDON_NODE, NODE, "inc-1", "inc-1.1", {"x": 1}, (CALL,), reason="unfit for work", asked_by="playbook"
)
CORDON = ActionRecord(ORDER, "approve", at(0))
AGAIN = replace(CORDON, order=replace(ORDER, investigation_id="inc-1.2"))
APPROVED, RUNNING, CARRIED = ActionState.APPROVED, ActionState.RUNNING, ActionState.CARRIED


@pytest.fixture
def actions(database) -> Actions:
    """The action records of the database."""
    return Actions(database)


def nothing(_abroad):
    """Objects to nothing."""
    return ""


async def approved(actions, *records):
    await actions.propose(records)
    for record in records:
        await actions.advance(record.id, Step(APPROVED, at(1)))


async def test_a_proposal_comes_back_equal(actions):
    await actions.propose([CORDON])

    assert await actions.get(CORDON.id) == CORDON
    assert await actions.of_incident("inc-1") == (CORDON,)


async def test_the_same_proposal_again_changes_nothing(actions):
    await approved(actions, CORDON)

    await actions.propose([replace(CORDON, requested_at=at(9))])

    assert await actions.get(CORDON.id) == replace(CORDON, state=APPROVED)


async def test_an_order_that_was_changed_in_the_database_is_none(actions, database):
    await actions.propose([CORDON])
    async with database.writing() as connection:
        await connection.execute(update(table).values(target_name="gpu-70"))

    forget_reports()
    with capture_logs() as logs:
        assert await actions.get(CORDON.id) is None
    assert "its digest differs" in logs[0]["error"]


async def test_its_whole_life_is_recorded(actions):
    await actions.propose([CORDON])
    await actions.advance(CORDON.id, Step(ActionState.WAITING, at(1), ruling="a person decides"))
    await actions.advance(CORDON.id, Step(APPROVED, at(2)))
    assert await actions.begin(CORDON.id, Step(RUNNING, at(3), executor="pod-a"), at(-60), nothing) == ""
    await actions.advance(CORDON.id, Step(CARRIED, at(4), result={"sent": 1}))
    await actions.advance(CORDON.id, Step(ActionState.DONE, at(5), note="verified"))

    assert await actions.get(CORDON.id) == replace(
        CORDON,
        state=ActionState.DONE,
        ruling="a person decides",
        started_at=at(3),
        ended_at=at(5),
        executor="pod-a",
        result={"sent": 1},
        note="verified",
    )


@pytest.mark.parametrize("to", [RUNNING, CARRIED, ActionState.DONE, ActionState.FAILED, ActionState.UNDONE])
async def test_what_was_not_approved_goes_nowhere(actions, to):
    await actions.propose([CORDON])

    assert not await actions.advance(CORDON.id, Step(to, at(1)))


async def test_what_was_refused_does_not_run(actions):
    await approved(actions, CORDON)
    await actions.advance(CORDON.id, Step(ActionState.REFUSED, at(2)))

    assert await actions.begin(CORDON.id, Step(RUNNING, at(3)), at(-60), nothing) == "it is refused, not approved"


async def test_of_many_who_begin_it_at_once_one_may(actions):
    await approved(actions, CORDON)
    steps = [Step(RUNNING, at(2), executor=f"pod-{number}") for number in range(12)]

    answers = await asyncio.gather(*(actions.begin(CORDON.id, step, at(-60), nothing) for step in steps))

    assert sorted(answers)[0] == ""
    assert sorted(answers)[1:] == ["it is running, not approved"] * 11
    record = await actions.get(CORDON.id)
    assert record.executor == f"pod-{answers.index('')}"


async def test_the_same_order_of_two_investigations_is_begun_once(actions):
    await approved(actions, CORDON, AGAIN)
    tries = (actions.begin(record.id, Step(RUNNING, at(2)), at(-60), nothing) for record in (CORDON, AGAIN))

    assert sorted(await asyncio.gather(*tries)) == ["", "the same was begun for this incident before"]


async def test_what_is_under_way_is_told_to_who_begins(actions):
    other = replace(CORDON, order=replace(ORDER, incident_id="inc-2", investigation_id="inc-2.1"))
    await approved(actions, CORDON, other)
    await actions.begin(CORDON.id, Step(RUNNING, at(2)), at(-60), nothing)

    def told(abroad):
        return f"{sorted(abroad.reserved)} {abroad.begun == (at(2),)}"

    assert await actions.begin(other.id, Step(RUNNING, at(3)), at(-60), told) == "['gpu-7'] True"
    assert (await actions.get(other.id)).state is APPROVED


async def test_the_last_place_goes_to_one_of_many(actions):
    """Two may be under way; twelve that were all approved try at once."""
    records = [
        replace(CORDON, order=replace(ORDER, incident_id=f"inc-{n}", investigation_id=f"inc-{n}.1",
                                      target=ActionTarget("node", f"gpu-{n}", f"uid-{n}")))
        for n in range(12)
    ]  # fmt: skip
    await approved(actions, *records)

    def full(abroad):
        return "full" if len(abroad.reserved) >= 2 else ""

    answers = await asyncio.gather(*(actions.begin(r.id, Step(RUNNING, at(2)), at(-60), full) for r in records))

    assert sorted(answers) == [""] * 2 + ["full"] * 10
    assert len(await actions.reserved()) == 2


async def test_actions_that_began_are_counted_from_a_moment_on(actions):
    await approved(actions, CORDON)
    await actions.begin(CORDON.id, Step(RUNNING, at(2)), at(-60), nothing)

    assert await actions.begun_since(at(1)) == (at(2),)
    assert await actions.begun_since(at(3)) == ()


async def test_the_breaker_stays_open_until_a_person_closes_it(actions):
    assert await actions.open_breaker(at(1), "6 of 100 out")
    assert not await actions.open_breaker(at(2), "7 of 100 out")
    assert ((await actions.breaker()).opened_at, (await actions.breaker()).reason) == (at(1), "6 of 100 out")

    assert await actions.close_breaker(at(3), "ada")
    assert not await actions.close_breaker(at(4), "bob")
    assert not (await actions.breaker()).is_open


@pytest.mark.parametrize(
    ("status", "closed", "stands"), [("problem", False, True), ("recovered", False, False), ("problem", True, False)]
)
async def test_an_incident_stands_while_it_is_open_and_something_is_wrong(actions, database, status, closed, stands):
    await Given(database).incident(closed=Closing(at(9)) if closed else None)
    wrong = {"source": "kubernetes", "node": "gpu-7", "node_uid": "", "kind": "Xid", "gpu_uuid": "", "status": status}
    times = {"since": 0, "transition_at": None, "observed_at": 0, "incident_id": "inc-1", "sequence": None}
    async with database.writing() as connection:
        await connection.execute(insert(symptoms).values(**wrong, **times))

    assert await actions.stands(Incident("inc-1", (trigger(),), at(0)), "gpu-7") is stands


async def test_what_is_wrong_on_other_nodes_is_no_reason_to_act_on_this_one(actions, database):
    await Given(database).incident()
    wrong = {"source": "kubernetes", "node_uid": "", "kind": "Xid", "gpu_uuid": "", "incident_id": "inc-1"}
    times = {"since": 0, "transition_at": None, "observed_at": 0, "sequence": None}
    async with database.writing() as connection:
        rows = [{**wrong, **times, "node": "gpu-7", "status": "recovered"}]
        await connection.execute(insert(symptoms), [*rows, {**wrong, **times, "node": "gpu-8", "status": "problem"}])
    both = Incident("inc-1", (trigger("gpu-7"), trigger("gpu-8")), at(0))

    assert not await actions.stands(both, "gpu-7")
    assert await actions.stands(both, "gpu-8")
    assert await actions.stands(both, "gpu-9")  # of which the incident has nothing: all of it speaks for it


async def test_what_is_under_way_on_a_node_is_told_to_who_begins(actions):
    drain = replace(CORDON, order=replace(ORDER, operation=Operation.DRAIN_NODE, incident_id="inc-2"))
    await approved(actions, CORDON, drain)
    await actions.begin(CORDON.id, Step(RUNNING, at(2)), at(-60), nothing)

    assert await actions.begin(drain.id, Step(RUNNING, at(3)), at(-60), lambda abroad: str(abroad.busy)) == (
        "{'gpu-7': 'cordon_node'}"
    )


async def test_what_was_put_off_is_counted_once_for_each_try(actions):
    await approved(actions, CORDON)
    for before in (0, 0, 1):
        await actions.put_off(CORDON.id, before, "busy")

    record = await actions.get(CORDON.id)
    assert (record.put_off, record.state, record.ruling) == (2, APPROVED, "busy")


@pytest.mark.parametrize(("operation", "out"), [(Operation.QUARANTINE_GPU, True), (Operation.CORDON_NODE, False)])
async def test_a_gpu_that_a_directive_took_out_counts_on_when_that_is_done(actions, operation, out):
    target = ActionTarget("gpu", "GPU-1", "GPU-1", "gpu-7") if out else NODE
    record = replace(CORDON, order=replace(ORDER, operation=operation, target=target))
    await approved(actions, record)
    await actions.begin(record.id, Step(RUNNING, at(2)), at(-60), nothing)
    await actions.advance(record.id, Step(CARRIED, at(3)))
    await actions.advance(record.id, Step(ActionState.DONE, at(4)))

    assert await actions.reserved() == (frozenset({"gpu-7"}) if out else frozenset())
    await actions.advance(record.id, Step(ActionState.UNDONE, at(5)))
    assert await actions.reserved() == frozenset()
