"""`cordon_node` keeps new pods off exactly one node, says so in its own name, and gives it back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.acting_tools.conftest import NODE

from gcm_sentinel.domain.errors import NotFound, Refused
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.remediation import Carried
from gcm_sentinel.tools import cordon_node, uncordon_node

MARK = "gcm-sentinel/cordoned-for"


@pytest.fixture
def tool(place):
    return cordon_node.build(place.context)


async def test_a_plan_shows_the_one_call_it_would_send(place, tool):
    plan = await place.plan(tool)

    assert [str(call) for call in plan.order.calls] == [
        'PATCH /api/v1/nodes/gpu-node-1 {"metadata":{"annotations":'
        f'{{"gcm-sentinel/cordoned-by":"{plan.order.handle}","gcm-sentinel/cordoned-for":"inc-1"}}}},'
        '"spec":{"unschedulable":true}}'
    ]
    assert plan.order.target.uid == "uid-gpu-node-1"
    assert "unschedulable" not in place.node()["spec"]


async def test_it_cordons_that_node_and_no_other(place, tool):
    await place.carry_out(tool, await place.plan(tool))

    assert place.node()["spec"]["unschedulable"] is True
    assert place.node()["metadata"]["annotations"][MARK] == "inc-1"
    assert "unschedulable" not in place.node("gpu-node-10")["spec"]


async def test_the_cordon_bears_our_name(place, tool):
    plan = await place.plan(tool)
    await place.carry_out(tool, plan)

    check = await tool.check(plan.order, Carried(1))

    assert check.met
    assert check.words == "node gpu-node-1 is cordoned by gcm-sentinel"


async def test_before_it_is_done_the_check_says_so(place, tool):
    plan = await place.plan(tool)

    check = await tool.check(plan.order, Carried(0))

    assert (check.met, check.words) == (False, "node gpu-node-1 is schedulable")


async def test_a_cordon_of_ours_is_not_sent_again(place, tool):
    await place.carry_out(tool, await place.plan(tool))

    again = await place.plan(tool)

    assert again.already
    assert again.order.calls == ()


async def test_somebody_elses_cordon_meanwhile_stays_theirs(place, tool):
    plan = await place.plan(tool)
    place.put_node(NODE, manager="kubectl-cordon", spec={"unschedulable": True})

    with pytest.raises(Refused, match=r"kubectl-cordon \(it is cordoned, and not by us\)"):
        await place.carry_out(tool, plan)
    assert MARK not in place.node()["metadata"]["annotations"]


async def test_a_node_that_was_made_anew_is_another_node(place, tool):
    plan = await place.plan(tool)
    place.store.delete("nodes", NODE)
    place.put_node(NODE, uid="uid-of-the-new-one")

    with pytest.raises(Refused, match="another object now"):
        await place.carry_out(tool, plan)
    assert "unschedulable" not in place.node()["spec"]


async def test_hands_send_nothing_but_the_calls_of_their_order(place, tool):
    plan = await place.plan(tool)
    other = replace(plan.order.calls[0], path="/api/v1/nodes/gpu-node-10")

    with pytest.raises(Refused, match="is no call of"):
        await place.hands(plan.order).send(other)
    assert "unschedulable" not in place.node("gpu-node-10")["spec"]


@pytest.mark.parametrize("mode", [Mode.RECOMMEND, Mode.ANNOTATE])
async def test_behind_the_hands_stands_the_modes_guard(place, tool, mode):
    place.mode = mode

    with pytest.raises(Refused, match=f"mode {mode} does not permit remediate"):
        await place.carry_out(tool, await place.plan(tool))
    assert "unschedulable" not in place.node()["spec"]


@pytest.mark.parametrize(
    "name", ["", "gpu-node-1/status", "../pods", "GPU-NODE-1", "gpu-node-1?force=true", "a b", 7, None, ["gpu-node-1"]]
)
async def test_what_is_no_node_name_is_sent_back(place, tool, name):
    with pytest.raises(ValueError, match="node_name"):
        await place.plan(tool, node_name=name)


async def test_a_node_that_is_not_there(place, tool):
    with pytest.raises(NotFound):
        await place.plan(tool, node_name="gpu-node-2")


async def test_undoing_gives_the_node_back(place, tool):
    plan = await place.plan(tool)
    carried = await place.carry_out(tool, plan)
    undo = await tool.undo(plan.order, carried)

    await uncordon_node.build(place.context).carry_out(undo, place.hands(undo))

    assert "unschedulable" not in place.node()["spec"]
    assert MARK not in place.node()["metadata"]["annotations"]


async def test_what_is_not_ours_any_more_is_not_undone(place, tool):
    plan = await place.plan(tool)
    carried = await place.carry_out(tool, plan)
    place.put_node(NODE, manager="kubectl-cordon", spec={"unschedulable": True})

    assert await tool.undo(plan.order, carried) is None


async def test_a_cordon_for_another_incident_is_not_undone(place, tool):
    plan = await place.plan(tool)
    carried = await place.carry_out(tool, plan)

    assert await tool.undo(replace(plan.order, incident_id="inc-2"), carried) is None
