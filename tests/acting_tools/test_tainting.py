"""`taint_node` adds one taint of ours, whatever else happens to the list; `untaint_node` takes away that one only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acting_tools.conftest import NODE, FixedClock

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.domain.errors import Refused, Rejected, Unreachable
from gcm_sentinel.domain.modes import Effect, Mode
from gcm_sentinel.domain.remediation import Carried
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.remediation.hands import ExactHands
from gcm_sentinel.tools import taint_node, untaint_node

KEY = "gcm-sentinel/unfit"
OURS = {"key": KEY, "value": "xid-79", "effect": "NoSchedule"}
FOREIGN = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
AWAY = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "2026-11-20T19:55:00Z"}


@pytest.fixture
def tool(place):
    return taint_node.build(place.context)


@pytest.fixture
def untaint(place):
    return untaint_node.build(place.context)


def taints(place):
    return place.node()["spec"].get("taints")


def hands(place, order, act):
    """Hands that read the node, and see `act` done right after they have read it for the first time."""
    acts = [act]

    class Meddled:
        async def get(self, path, params=None):
            found = await place.client.get(path, params)
            if acts:
                acts.pop()()
            return found

    async def sleep(_seconds):
        return None

    writer = GuardedWriter(place.client, Mode.EXECUTE)
    return ExactHands(order, (Meddled(), writer), Unrecorded(), FixedClock(), sleep=sleep)


async def test_the_call_appends_and_names_no_other_taint(place, tool):
    place.put_node(NODE, spec={"taints": [FOREIGN]})

    plan = await place.plan(tool, **OURS)

    assert [str(call) for call in plan.order.calls] == [
        'PATCH /api/v1/nodes/gpu-node-1 [{"op":"add","path":"/spec/taints/-","value":'
        '{"effect":"NoSchedule","key":"gcm-sentinel/unfit","value":"xid-79"}}]'
    ]
    assert plan.order.arguments == OURS


async def test_the_others_stay_as_they_are_with_their_times(place, tool):
    place.put_node(NODE, spec={"taints": [AWAY, FOREIGN]})

    await place.carry_out(tool, await place.plan(tool, **OURS))

    assert taints(place) == [AWAY, FOREIGN, OURS]


async def test_a_node_without_taints_gets_its_first(place, tool):
    await place.carry_out(tool, await place.plan(tool, **OURS))

    assert taints(place) == [OURS]


async def test_it_is_written_under_our_name(place, tool):
    await place.carry_out(tool, await place.plan(tool, **OURS))

    writers = {line["manager"] for line in place.node()["metadata"]["managedFields"] if "f:spec" in line["fieldsV1"]}
    assert "gcm-sentinel" in writers


@pytest.mark.parametrize("before", [[], [FOREIGN]], ids=["list appears", "list grows"])
async def test_a_taint_that_comes_in_between_is_not_lost(place, tool, before):
    place.put_node(NODE, spec={"taints": before} if before else {})
    plan = await place.plan(tool, **OURS)

    def add():
        place.put_node(NODE, manager="kube-controller-manager", spec={"taints": [*before, AWAY]})

    await tool.carry_out(plan.order, hands(place, plan.order, add))

    assert taints(place) == [*before, AWAY, OURS]


async def test_a_list_that_vanishes_in_between_is_begun_again(place, tool):
    place.put_node(NODE, spec={"taints": [AWAY]})
    plan = await place.plan(tool, **OURS)

    await tool.carry_out(plan.order, hands(place, plan.order, lambda: place.put_node(NODE)))

    assert taints(place) == [OURS]


async def test_a_plan_does_not_change_because_others_come_and_go(place, tool):
    plan = await place.plan(tool, **OURS)
    place.put_node(NODE, spec={"taints": [AWAY]})

    assert (await place.plan(tool, **OURS)).order.calls == plan.order.calls


async def test_one_that_is_there_is_not_put_twice(place, tool):
    await place.carry_out(tool, await place.plan(tool, **OURS))

    again = await place.plan(tool, **OURS)

    assert again.already
    assert again.order.calls == ()


async def test_one_whose_answer_was_lost_is_not_sent_again(place, tool):
    plan = await place.plan(tool, **OURS)
    lost = [Unreachable("no answer in time")]

    class Deaf(GuardedWriter):
        async def patch(self, path, body, **rest):
            answer = await super().patch(path, body, **rest)
            if lost:
                raise lost.pop()
            return answer

    async def sleep(_seconds):
        return None

    deaf = Deaf(place.client, Mode.EXECUTE)
    await tool.carry_out(
        plan.order, ExactHands(plan.order, (place.client, deaf), Unrecorded(), FixedClock(), sleep=sleep)
    )

    assert taints(place) == [OURS]


async def test_the_same_key_with_another_value_is_told(place, tool):
    place.put_node(NODE, spec={"taints": [{**OURS, "value": "other"}]})

    with pytest.raises(ValueError, match="carries gcm-sentinel/unfit=other:NoSchedule already"):
        await place.plan(tool, **OURS)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"key": "nvidia.com/gpu"}, "must begin with gcm-sentinel/"),
        ({"key": "node.kubernetes.io/unreachable"}, "must begin with gcm-sentinel/"),
        ({"key": "gcm-sentinel/"}, "must begin with gcm-sentinel/"),
        ({"key": "gcm-sentinel/a b"}, "as a label's name does"),
        ({"key": "gcm-sentinel/" + "x" * 64}, "as a label's name does"),
        ({"value": "a b"}, "a label's value"),
        ({"value": "x" * 64}, "a label's value"),
        ({"effect": "NoExecute"}, "past every disruption budget"),
        ({"effect": "noschedule"}, "must be one of NoSchedule, PreferNoSchedule"),
    ],
)
async def test_what_may_not_be_asked_for(place, tool, wrong, words):
    with pytest.raises(ValueError, match=words):
        await place.plan(tool, **{**OURS, **wrong})


async def test_a_node_that_somebody_took_meanwhile_is_left_alone(place, tool):
    plan = await place.plan(tool, **OURS)
    place.put_node(NODE, manager="kubectl-cordon", spec={"unschedulable": True})

    with pytest.raises(Refused, match="kubectl-cordon"):
        await place.carry_out(tool, plan)
    assert OURS not in taints(place)


async def test_it_needs_a_mode_that_acts(place, tool):
    place.mode = Mode.ANNOTATE

    with pytest.raises(Refused, match=f"does not permit {Effect.REMEDIATE}"):
        await place.carry_out(tool, await place.plan(tool, **OURS))


async def test_it_is_checked_by_looking(place, tool):
    plan = await place.plan(tool, **OURS)
    before = await tool.check(plan.order, Carried(0))

    await place.carry_out(tool, plan)
    after = await tool.check(plan.order, Carried(1))

    assert (before.met, before.words) == (False, f"node {NODE} does not carry gcm-sentinel/unfit=xid-79:NoSchedule")
    assert after.met


async def test_undoing_removes_ours_and_no_other(place, tool, untaint):
    place.put_node(NODE, spec={"taints": [AWAY]})
    plan = await place.plan(tool, **OURS)
    carried = await place.carry_out(tool, plan)
    place.store.patch("nodes", NODE, {"spec": {"taints": [AWAY, OURS, FOREIGN]}}, manager="somebody")

    undo = await tool.undo(plan.order, carried)
    await untaint.carry_out(undo, place.hands(undo))

    assert taints(place) == [AWAY, FOREIGN]
    assert (await untaint.check(undo, Carried(1))).met


async def test_ours_is_removed_wherever_it_stands_by_then(place, untaint):
    place.put_node(NODE, spec={"taints": [FOREIGN, OURS]})
    plan = await untaint.plan(call_of(untaint), place.scope())

    def move():
        place.put_node(NODE, manager="somebody", spec={"taints": [OURS, AWAY]})

    await untaint.carry_out(plan.order, hands(place, plan.order, move))

    assert taints(place) == [AWAY]


async def test_one_that_was_changed_by_hand_is_not_removed(place, untaint):
    place.put_node(NODE, spec={"taints": [FOREIGN, OURS]})
    plan = await untaint.plan(call_of(untaint), place.scope())
    changed = [FOREIGN, {**OURS, "value": "by-hand"}]

    def change():
        place.put_node(NODE, manager="somebody", spec={"taints": changed})

    with pytest.raises(Rejected, match="422"):
        await untaint.carry_out(plan.order, hands(place, plan.order, change))

    assert taints(place) == changed


async def test_what_is_not_as_we_put_it_is_not_undone(place, tool):
    plan = await place.plan(tool, **OURS)
    carried = await place.carry_out(tool, plan)
    place.put_node(NODE, spec={"taints": [{**OURS, "value": "by-hand"}]})

    assert await tool.undo(plan.order, carried) is None


async def test_where_there_is_none_untainting_has_nothing_to_do(place, untaint):
    plan = await untaint.plan(call_of(untaint), place.scope())

    assert plan.already


@pytest.mark.parametrize("key", ["nvidia.com/gpu", "gcm-sentinel"])
async def test_untainting_takes_no_foreign_key(place, untaint, key):
    call = call_of(untaint)

    with pytest.raises(ValueError, match="must begin with gcm-sentinel/"):
        await untaint.plan(replace(call, arguments={**call.arguments, "key": key}), place.scope())


def call_of(tool):
    return ToolCall("c1", str(tool.operation), {"node_name": NODE, "key": KEY, "effect": "NoSchedule"})
