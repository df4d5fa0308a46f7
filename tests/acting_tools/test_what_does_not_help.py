"""What did not have its effect is taken back, but for a drain: its node is still sick and stays cordoned."""

from __future__ import annotations

from typing import Any

import pytest
from tests.acting_tools.conftest import NODE, FixedClock
from tests.acting_tools.test_draining import put_budget

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.remediation import Check
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.remediation.execute import Cluster, Executor
from gcm_sentinel.tools import cordon_node, drain_node, uncordon_node


class Unproven(cordon_node.CordonNode):
    """A cordon that never shows."""

    async def check(self, order, carried):
        return Check(met=False, words="it does not show")


@pytest.fixture
def executor(place):
    async def sleep(seconds):
        place.slept.append(seconds)

    def make():
        own: dict[Operation, Any] = {
            Operation.CORDON_NODE: Unproven(place.client),
            Operation.UNCORDON_NODE: uncordon_node.build(place.context),
            Operation.DRAIN_NODE: drain_node.build(place.context),
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
