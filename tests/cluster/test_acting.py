"""The tools that act on a real API server: the same tests as on the simulated one, and what only this one shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from tests.acting_tools.conftest import NODE, FixedClock, Place
from tests.acting_tools.test_cordoning import (  # noqa: F401 - run here, with the place below
    MARK,
    test_a_cordon_for_another_incident_is_not_undone,
    test_a_cordon_of_ours_is_not_sent_again,
    test_a_node_that_is_not_there,
    test_a_node_that_was_made_anew_is_another_node,
    test_before_it_is_done_the_check_says_so,
    test_behind_the_hands_stands_the_modes_guard,
    test_it_cordons_that_node_and_no_other,
    test_somebody_elses_cordon_meanwhile_stays_theirs,
    test_the_cordon_bears_our_name,
    test_undoing_gives_the_node_back,
    test_what_is_not_ours_any_more_is_not_undone,
)
from tests.cluster.real_store import RealStore
from tests.cluster.servers import until
from tests.cluster.things import budget, condition, deployment

from gcm_sentinel.clients.guarded import GuardedWriter
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.domain.remediation import Carried
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.remediation.hands import ExactHands
from gcm_sentinel.tools import cordon_node, drain_node, taint_node, uncordon_node, untaint_node

_WITHIN_S = 60
OURS = {"key": "gcm-sentinel/unfit", "value": "xid-79", "effect": "NoSchedule"}
NOT_READY = "node.kubernetes.io/not-ready"


@pytest.fixture
def tool(place):
    return cordon_node.build(place.context)


@pytest.fixture
def place(cluster, client):
    store = RealStore(cluster.admin)
    anything: Any = store  # it has what these tests use of a store
    found = Place(anything, client)
    found.put_node(NODE)
    found.put_node("gpu-node-10")
    yield found
    store.clear()


async def test_a_cordon_by_kubectl_is_theirs(cluster, place, tool):
    plan = await place.plan(tool)
    cluster.kubectl("cordon", NODE)

    with pytest.raises(Refused, match=r"kubectl \(it is cordoned, and not by us\)"):
        await place.carry_out(tool, plan)
    assert MARK not in place.node()["metadata"]["annotations"]


async def test_kubectl_shows_a_cordon_of_ours(cluster, place, tool):
    await place.carry_out(tool, await place.plan(tool))

    assert "SchedulingDisabled" in cluster.kubectl("get", "node", NODE)


async def test_our_taint_goes_and_those_of_the_controllers_stay(cluster, place):
    taint, untaint = taint_node.build(place.context), untaint_node.build(place.context)
    await place.carry_out(taint, await place.plan(taint, **OURS))
    not_ready = condition("Ready", "False", "KubeletNotReady")
    cluster.admin.patch(f"/api/v1/nodes/{NODE}/status", {"status": {"conditions": [not_ready]}}, manager="kubelet")
    until(lambda: NOT_READY in taint_keys(place), _WITHIN_S, "the controller taints the node")

    await place.carry_out(untaint, await place.plan(untaint, key=OURS["key"], effect=OURS["effect"]))

    assert NOT_READY in taint_keys(place)
    assert OURS["key"] not in taint_keys(place)


def taint_keys(place):
    return [taint["key"] for taint in place.node()["spec"].get("taints", ())]


@dataclass
class Drained(Place):
    """A place in which pauses take time, for controllers work meanwhile."""

    def hands(self, order):
        writer = GuardedWriter(self.client, self.mode)
        return ExactHands(order, (self.client, writer), Unrecorded(), FixedClock(), sleep=asyncio.sleep)


class TestDraining:
    """A node whose pods have controllers and a budget."""

    @pytest.fixture
    def nodes(self, make_node):
        return make_node(), make_node()

    @pytest.fixture
    def place(self, cluster, client, nodes):
        anything: Any = RealStore(cluster.admin)
        return Drained(anything, client)

    @pytest.fixture
    def on_node(self, cluster, namespace):
        def names(node):
            pods = cluster.admin.items(f"/api/v1/namespaces/{namespace}/pods", fieldSelector=f"spec.nodeName={node}")
            return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"]

        return names

    @pytest.fixture
    def workload(self, cluster, namespace, nodes, on_node):
        cluster.admin.create(deployment("web", namespace, 2, node=nodes[0], gpus=2))
        until(lambda: len(on_node(nodes[0])) == 2, _WITHIN_S, "two pods run on the first node")

    async def test_it_is_emptied_within_the_budget_and_the_pods_come_back_elsewhere(
        self, cluster, namespace, place, nodes, on_node, workload
    ):
        cluster.admin.create(budget("web", namespace, "web", minAvailable=1))
        tool = drain_node.build(place.context)
        plan = await place.plan(tool, node_name=nodes[0])

        carried = await place.carry_out(tool, plan)

        assert (carried.sent, carried.left) == (3, ())
        assert (await tool.check(plan.order, carried)).met
        assert on_node(nodes[0]) == []
        until(lambda: len(on_node(nodes[1])) == 2, _WITHIN_S, "they run on the second node")

    async def test_what_a_budget_keeps_is_told_with_its_name(
        self, cluster, namespace, place, nodes, on_node, workload, monkeypatch
    ):
        cluster.admin.create(budget("web", namespace, "web", minAvailable=2))
        monkeypatch.setattr(drain_node, "WITHIN", drain_node.WITHIN * 0)
        tool = drain_node.build(place.context)
        plan = await place.plan(tool, node_name=nodes[0])

        carried = await place.carry_out(tool, plan)

        assert carried.sent == 1
        assert len(on_node(nodes[0])) == 2

    async def test_undoing_makes_the_node_schedulable(self, cluster, place, nodes, workload):
        tool = drain_node.build(place.context)
        plan = await place.plan(tool, node_name=nodes[0])
        carried = await place.carry_out(tool, plan)

        undo = await tool.undo(plan.order, carried)
        assert undo is not None
        await uncordon_node.build(place.context).carry_out(undo, place.hands(undo))

        assert "unschedulable" not in place.node(nodes[0])["spec"]
        assert (await tool.check(plan.order, Carried(0))).hopeless
