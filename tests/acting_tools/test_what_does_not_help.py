"""What did not have its effect is taken back where it can be and is ours; what stands is told as it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.acting_tools.conftest import NODE, NOW, FixedClock
from tests.acting_tools.test_draining import put_budget
from tests.acting_tools.test_maintenance import XID, node, planned, report, shown
from tests.acting_tools.test_restarting import plan_of, put_plugin

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.remediation.execute import Cluster, Executor
from gcm_sentinel.tools import cordon_node, drain_node, reboot_node, restart_pod, uncordon_node
from gcm_sentinel.tools.context import ToolContext
from sentinel_fleet.kube import JANITOR


class Unproven(cordon_node.CordonNode):
    """A cordon that never shows."""

    async def check(self, order, carried):
        return Check(met=False, words="it does not show")


@pytest.fixture
def executor(place):
    async def sleep(seconds):
        place.slept.append(seconds)
        place.meanwhile()

    def make(**others):
        own: dict[Operation, Any] = {
            Operation.CORDON_NODE: Unproven(place.client),
            Operation.UNCORDON_NODE: uncordon_node.build(place.context),
            Operation.DRAIN_NODE: drain_node.build(place.context),
            Operation.RESTART_POD: restart_pod.build(place.context),
            Operation.REBOOT_NODE: reboot_node.build(place.context),
            **{Operation(name): tool for name, tool in others.items()},
        }
        cluster = Cluster(place.client, GuardedWriter(place.client, Mode.EXECUTE), FixedClock(), sleep=sleep)
        return Executor(own, cluster)

    return make


async def carried_out(_carried):
    """Hears that all was sent."""


async def test_a_cordon_that_does_not_show_is_taken_back(place, executor):
    plan = await place.plan(Unproven(place.client))

    outcome = await executor().run(plan.order, Unrecorded(), carried_out)

    assert outcome.state is ActionState.UNDONE
    assert "taken back: node gpu-node-1 is schedulable" in outcome.note
    assert "unschedulable" not in place.node()["spec"]
    assert sum(place.slept) >= 30  # as long as it was given to show


async def test_a_drain_that_a_budget_stops_leaves_the_node_cordoned(place, executor):
    place.put_pod("web-1", labels={"app": "web"})
    place.put_pod("web-2")
    put_budget(place, "keep-web", app="web")
    plan = await place.plan(drain_node.build(place.context))

    outcome = await executor().run(plan.order, Unrecorded(), carried_out)

    assert outcome.state is ActionState.FAILED
    assert "the node stays cordoned, because what it is drained for is still wrong" in outcome.note
    assert place.node(NODE)["spec"]["unschedulable"] is True
    assert place.pods() == ["web-1"]


class AwayAtFirst:
    """An API server that does not answer the first read."""

    def __init__(self, client):
        self.client, self.away = client, 1

    async def get(self, path, params=None):
        if self.away:
            self.away -= 1
            raise Unreachable("it restarts")
        return await self.client.get(path, params)

    async def list(self, *asked):
        return await self.client.list(*asked)


async def test_a_drain_that_sent_nothing_leaves_the_cordon_of_another_order(place, executor):
    cordon = cordon_node.build(place.context)
    place.put_pod("web-1")
    drain = await place.plan(drain_node.build(place.context))
    await place.carry_out(cordon, await place.plan(cordon))
    flaky = drain_node.build(ToolContext(AwayAtFirst(place.client), FixedClock()))

    outcome = await executor(drain_node=flaky).run(drain.order, Unrecorded(), carried_out)

    assert outcome.state is ActionState.REFUSED
    assert (place.node()["spec"]["unschedulable"], place.evicted) == (True, [])


async def test_a_cordon_stays_the_orders_that_set_it(place, executor):
    cordon, drain = cordon_node.build(place.context), drain_node.build(place.context)
    first, second = await place.plan(drain), await place.plan(cordon)
    await place.carry_out(drain, first)

    await place.carry_out(cordon, second)

    assert place.node()["metadata"]["annotations"]["gcm-sentinel/cordoned-by"] == first.order.handle
    assert await cordon.undo(second.order, Carried(1)) is None


async def test_a_request_that_somebody_has_in_hand_is_told_of_by_name(place, executor):
    place.store.install(JANITOR)
    node(place, conditions=[XID])
    plan = await planned(place, reboot_node.build(place.context))
    place.meanwhile = lambda: report(place, "rebootnodes", ("SignalSent", "Unknown"))

    outcome = await executor().run(plan.order, Unrecorded(), carried_out)

    assert outcome.state is ActionState.FAILED
    assert f"RebootNode {plan.order.handle} still stands and may yet be carried out" in outcome.note
    assert "nothing of ours" not in outcome.note


async def reboot_for(place, *kinds, watched=DEFAULT_WATCH_CONDITIONS):
    """The plan of a reboot of the node, for conditions of these types."""
    seen = tuple(Trigger("kubernetes", NODE, kind, TriggerStatus.PROBLEM, "R", "M", NOW) for kind in kinds)
    tool = reboot_node.build(replace(place.context, watch_conditions=watched))
    scope = Scope(Incident("inc-1", seen, NOW, nodes=(NODE,)), shown(NODE))
    return await tool.plan(ToolCall("c", "reboot_node", {"node_name": NODE, "reason": "r"}), scope)


async def test_a_reboot_that_worked_is_told_so_although_a_good_state_stands(place, executor):
    node(place, conditions=[XID])
    plan = await reboot_for(place, "GpuXid", "Ready")

    place.meanwhile = lambda: node(place, boot="boot-2", conditions=[{**XID, "status": "False"}], annotations={})
    outcome = await executor().run(plan.order, Unrecorded(), carried_out)

    assert plan.order.arguments["was_for"] == ["GpuXid=True"]
    assert outcome.state is ActionState.DONE


@pytest.mark.parametrize(("bad", "watched"), [("True", "SiteGpu*"), ("False", "SiteGpuCheck=False")])
@pytest.mark.parametrize("gone", [True, False])
async def test_an_operators_own_condition_is_checked_with_the_watchers_polarity(place, executor, bad, watched, gone):
    node(place, conditions=[{"type": "SiteGpuCheck", "status": bad}])
    plan = await reboot_for(place, "SiteGpuCheck", watched=(watched,))

    after = {"True": "False", "False": "True"}[bad] if gone else bad
    then = [{"type": "SiteGpuCheck", "status": after}]
    place.meanwhile = lambda: node(place, boot="boot-2", conditions=then, annotations={})
    outcome = await executor().run(plan.order, Unrecorded(), carried_out)

    assert outcome.state is (ActionState.DONE if gone else ActionState.FAILED)
    assert "not checked" not in outcome.note
    assert gone or f"but SiteGpuCheck={bad} stands" in outcome.note


async def test_a_reboot_for_what_no_condition_shows_does_not_claim_to_have_helped(place, executor):
    node(place)
    plan = await planned(place, reboot_node.build(place.context))

    place.meanwhile = lambda: node(place, boot="boot-2", annotations={})
    outcome = await executor().run(plan.order, Unrecorded(), carried_out)

    assert outcome.state is ActionState.DONE
    assert outcome.note.endswith("whether it helped was not checked: no condition of the node was bad")


def keep_plugin(place):
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "nvidia-device-plugin-daemonset"}}}
    metadata = {"name": "keep", "namespace": "gpu-operator", "uid": "uid-keep"}
    place.store.put({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec})


async def test_a_restart_that_a_budget_forbids_to_the_end_was_not_sent(place, executor):
    put_plugin(place)
    plan = await plan_of(place, restart_pod.build(place.context))
    keep_plugin(place)

    outcome = await executor().run(plan.order, Unrecorded(), carried_out)

    assert outcome.state is ActionState.REFUSED
    assert "disruption budget" in outcome.note
    assert sum(place.slept) >= 300


async def test_a_restart_is_tried_again_until_the_budget_lets_it(place, executor):
    put_plugin(place)
    plan = await plan_of(place, restart_pod.build(place.context))
    keep_plugin(place)

    def freed():
        place.store.delete("poddisruptionbudgets", "keep", namespace="gpu-operator")
        place.meanwhile = lambda: put_plugin(place, "gpu-operator/plugin-y", uid="uid-new")

    place.meanwhile = freed
    outcome = await executor().run(plan.order, Unrecorded(), carried_out)

    assert (outcome.state, place.evicted) == (ActionState.DONE, ["plugin-x"])


@pytest.mark.parametrize("name", ["gpu-operator/plugin-x", "gpu-operator/plugin-y"], ids=["same name", "another"])
async def test_a_restart_of_which_a_crash_lost_the_answer_is_known_by_its_effect(place, executor, name):
    put_plugin(place)
    tool = restart_pod.build(place.context)
    plan = await plan_of(place, tool)
    await place.carry_out(tool, plan)
    put_plugin(place, name, uid="uid-new")

    outcome = await executor().run(plan.order, Unrecorded(), carried_out, resumed=True)

    assert (outcome.state, place.pods()) == (ActionState.DONE, [name.partition("/")[2]])
