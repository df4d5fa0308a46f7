"""A `GPUReset` or `RebootNode` that nobody took up in time is deleted in the version that was read; others stand."""

from __future__ import annotations

from typing import Any

import pytest
from tests.acting_safety.conftest import Death, Killed, Steps
from tests.acting_tools.conftest import NODE, FixedClock
from tests.acting_tools.test_maintenance import XID, made, node, planned, report

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.errors import Forbidden, Refused, Unreachable
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import DECLARED, JANITOR, Operation
from gcm_sentinel.domain.order import ApiCall
from gcm_sentinel.domain.remediation import Carried, Check
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.remediation.execute import Cluster, Executor
from gcm_sentinel.remediation.proposals import order_from_json, order_to_json
from gcm_sentinel.tools import maintenance_withdrawal, reboot_node, reset_gpu

PLURALS = {"reset_gpu": "gpuresets", "reboot_node": "rebootnodes"}
LOST = Unreachable("no answer")


class Flaky(GuardedWriter):
    """Loses the answers to its first deletions: `lost` says of each whether before or after it was carried out."""

    lost: list[str]

    async def delete(self, *asked: Any) -> Any:
        how = self.lost.pop(0) if self.lost else ""
        if how == "before":
            raise LOST
        found = await super().delete(*asked)
        if how == "after":
            raise LOST
        return found


BACK = ["undo", "send:DELETE", "check"]
"""The steps of taking back."""


class Impatient(reboot_node.RebootNode):
    """Waits for nobody: what is not answered at once is taken back."""

    async def check(self, order, carried):
        if maintenance_withdrawal.withdraws(order):
            return await super().check(order, carried)
        return Check(met=False, words="nobody answered", hopeless=True)


class Dying(Steps):
    """The steps of a process that dies at one of those of taking back."""

    def __init__(self, kept, at, recorded):
        super().__init__(kept)
        self.at, self.recorded = at, recorded

    async def run(self, name, work, codec):
        before = [known for known, _ in self.kept if known in BACK[:2]]
        if name == BACK[self.at] and before == BACK[: self.at]:
            self.death = Death(self.place, recorded=self.recorded)
        return await super().run(name, work, codec)


class Away:
    """A reader whose API server does not answer about what `path` holds, while it is being sent."""

    def __init__(self, client, path):
        self.client, self.path, self.silent = client, path, 5

    async def get(self, path, params=None):
        if path.startswith(self.path) and self.silent:
            self.silent -= 1
            raise LOST
        return await self.client.get(path, params)


def executor(place, tool, reader):
    async def sleep(seconds):
        place.slept.append(seconds)

    cluster = Cluster(reader, GuardedWriter(place.client, Mode.EXECUTE), FixedClock(), sleep=sleep)
    return Executor({tool.operation: tool}, cluster)


async def carried_out(_carried):
    """Hears that all was sent."""


@pytest.fixture(autouse=True)
def _janitor(place):
    place.store.install(JANITOR)
    node(place, conditions=[XID])


@pytest.fixture(params=[reset_gpu, reboot_node], ids=list(PLURALS))
def tool(request, place):
    return request.param.build(place.context)


async def standing(place, tool):
    """The order of a request that was made and stands."""
    plan = await planned(place, tool)
    await place.carry_out(tool, plan)
    return plan.order


def standing_now(place, tool):
    return place.store.list(PLURALS[tool.operation])


async def test_what_nobody_took_up_is_deleted_by_uid_and_version(place, tool):
    order = await standing(place, tool)
    metadata = made(place, PLURALS[tool.operation])["metadata"]

    back = await tool.undo(order, Carried(1))
    await tool.carry_out(back, place.hands(back))

    [call] = back.calls
    assert (call.method, call.path.rpartition("/")[2]) == ("DELETE", order.handle)
    assert call.body["preconditions"] == {key: metadata[key] for key in ("uid", "resourceVersion")}
    assert standing_now(place, tool) == []
    assert (await tool.check(back, Carried(1))).met
    assert order_from_json(order_to_json(back)) == back


async def test_seen_through_it_is_undone(place):
    tool = reset_gpu.build(place.context)
    order = (await planned(place, tool)).order

    outcome = await executor(place, tool, place.client).run(order, Unrecorded(), carried_out)

    assert outcome.state is ActionState.UNDONE
    assert outcome.note.endswith(f"{order.handle}, taken up by nobody, is deleted")
    assert sum(place.slept) >= DECLARED[tool.operation].verify_within.total_seconds()
    assert standing_now(place, tool) == []


@pytest.mark.parametrize("how", ["a condition", "a status", "a finalizer"])
async def test_what_somebody_has_taken_up_stands(place, tool, how):
    order = await standing(place, tool)
    found = made(place, PLURALS[tool.operation])
    if how == "a condition":
        report(place, PLURALS[tool.operation], ("SignalSent", "Unknown"))
    elif how == "a status":
        place.store.put({**found, "status": {"startTime": "2026-11-20T20:00:00Z"}}, manager="janitor")
    else:
        place.store.put({**found, "metadata": {**found["metadata"], "finalizers": ["janitor/x"]}}, manager="janitor")

    with pytest.raises(Refused, match=f"{order.handle} still stands and may yet be carried out"):
        await tool.undo(order, Carried(1))


async def test_what_is_taken_up_between_looking_and_deleting_stands_and_is_told(place, tool):
    order = await standing(place, tool)
    back = await tool.undo(order, Carried(1))
    report(place, PLURALS[tool.operation], ("SignalSent", "Unknown"))

    with pytest.raises(Refused, match=f"{order.handle} still stands and may yet be carried out .*409"):
        await tool.carry_out(back, place.hands(back))
    assert len(standing_now(place, tool)) == 1


async def test_what_somebody_else_deleted_first_is_told_as_gone_already(place, tool):
    order = await standing(place, tool)
    back = await tool.undo(order, Carried(1))
    place.store.delete(PLURALS[tool.operation], order.handle)

    carried = await tool.carry_out(back, place.hands(back))
    check = await tool.check(back, carried)

    assert (check.met, "taken up by nobody" in check.words) == (True, False)
    assert check.words.partition(f"{order.handle} ")[2].startswith("was gone already when it was to be deleted")


async def test_another_of_its_name_is_not_deleted(place, tool):
    order = await standing(place, tool)
    back = await tool.undo(order, Carried(1))
    plural = PLURALS[tool.operation]
    other = place.store.delete(plural, order.handle)
    place.store.put({**other, "metadata": {"name": order.handle}})

    with pytest.raises(Refused, match="still stands"):
        await tool.carry_out(back, place.hands(back))
    assert len(standing_now(place, tool)) == 1


async def test_a_deletion_that_is_not_permitted_is_told(place, tool):
    order = await standing(place, tool)
    back = await tool.undo(order, Carried(1))
    hands = place.hands(back)

    async def delete(*_asked):
        raise Forbidden("cannot delete")

    hands._writer = GuardedWriter(place.client, Mode.EXECUTE)
    hands._writer.delete = delete

    with pytest.raises(Refused, match="still stands and may yet be carried out .it was not deleted: cannot delete"):
        await tool.carry_out(back, hands)


@pytest.mark.parametrize("lost", [["before"], ["after"], ["before", "after"]], ids="-".join)
async def test_an_answer_that_was_lost_is_asked_for_again(place, tool, lost):
    order = await standing(place, tool)
    back = await tool.undo(order, Carried(1))
    hands = place.hands(back)
    hands._writer = Flaky(place.client, Mode.EXECUTE)
    hands._writer.lost = list(lost)

    await tool.carry_out(back, hands)

    assert standing_now(place, tool) == []


async def test_deleted_again_after_a_crash_it_is_gone(place, tool):
    order = await standing(place, tool)
    back = await tool.undo(order, Carried(1))

    for _ in range(2):
        await tool.carry_out(back, place.hands(back))

    assert [line.status for line in place.store.writes if line.method == "DELETE"] == [200, 404]
    assert (await tool.check(back, Carried(1))).met


@pytest.mark.parametrize("recorded", [False, True], ids=["answered", "recorded"])
@pytest.mark.parametrize("step", BACK)
async def test_killed_while_it_takes_back_it_goes_on(place, step, recorded):
    tool = Impatient(place.context)
    order = (await planned(place, tool)).order
    kept: list[Any] = []

    with pytest.raises(Killed):
        await executor(place, tool, place.client).run(order, Dying(kept, BACK.index(step), recorded), carried_out)
    outcome = await executor(place, tool, place.client).run(order, Steps(kept), carried_out, resumed=True)

    assert outcome.state is ActionState.UNDONE
    assert standing_now(place, tool) == []


async def test_nothing_but_the_request_itself_is_deleted(place, tool):
    order = await standing(place, tool)
    back = await tool.undo(order, Carried(1))
    call = back.calls[0]

    with pytest.raises(Refused, match="is no call of"):
        await place.hands(back).send(ApiCall("DELETE", f"/api/v1/nodes/{NODE}", call.body))
    assert len(standing_now(place, tool)) == 1


async def test_a_request_of_which_the_answer_was_lost_is_taken_back_too(place, tool):
    order = (await planned(place, tool)).order
    call = order.calls[0]
    await place.client.create(call.path, call.body)  # it arrived, and whoever sent it never hears

    outcome = await executor(place, tool, Away(place.client, call.path)).run(order, Unrecorded(), carried_out)

    assert outcome.state is ActionState.UNDONE
    assert outcome.note.startswith("it may have arrived although it failed")
    assert standing_now(place, tool) == []


@pytest.mark.parametrize(("operation", "plural"), [(Operation(name), plural) for name, plural in PLURALS.items()])
def test_the_permission_is_declared(operation, plural):
    declared = DECLARED[operation]

    rights = {(item.group, item.resource, item.verb) for item in declared.permissions}

    assert (JANITOR, plural, "delete") in rights
    assert declared.undone_by == "nothing, but a request that nobody took up is taken back"
