"""Keeps new pods off a node: `spec.unschedulable`, set under our own field manager, with a note of the incident.

A node that somebody else has cordoned is theirs (domain/ownership.py), and the gate refuses. One we cordoned before is
left as it is, and stays the order's that set it. What is sent is bound to the version that was read: a node that
changed meanwhile refuses it, is read again, and must look the same in what matters.
"""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.ownership import FIELD_MANAGER, holders
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Done, Hands, Plan
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking
from gcm_sentinel.tools.context import ClusterReader, ToolContext

MARK = "gcm-sentinel/cordoned-for"
"""Annotation: the incident a cordon of ours is about."""
MARK_ORDER = "gcm-sentinel/cordoned-by"
"""Annotation: the handle of the order that cordoned; what undoes an order takes back no other order's cordon."""


class CordonNode:
    """`cordon_node`."""

    operation = Operation.CORDON_NODE

    def __init__(self, cluster: ClusterReader) -> None:
        self._cluster = cluster

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        return asking.spec_of(
            self.operation,
            "Propose to keep new pods off a node (spec.unschedulable). What runs there goes on running.",
            {"node_name": asking.NODE},
        )

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """One PATCH; none where the cordon is there and ours."""
        node = await asking.read_node(self._cluster, asking.node_name(call))
        plan = asking.node_plan(self.operation, node, scope, (), why=asking.reason(call))
        return plan if is_ours(node) else with_calls(plan, cordon(plan.order))

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Send the PATCH, unless somebody keeps the node by now."""
        for call in order.calls:
            await hands.send(call, unless=kept_by_others, done=set_by_another(order))
        return Carried(len(order.calls))

    async def check(self, order: Order, carried: Carried) -> Check:
        """Whether the node is unschedulable by our hand."""
        try:
            marks = marks_of(await asking.read_node(self._cluster, order.target.name))
        except NotFound:
            return Check(met=False, words=f"node {order.target.name} is gone", hopeless=True)
        if not marks.unschedulable:
            return Check(met=False, words=f"node {order.target.name} is schedulable")
        who = marks.cordoned_by or "nobody named"
        return Check(met=marks.cordoned_by == FIELD_MANAGER, words=f"node {order.target.name} is cordoned by {who}")

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Make the node schedulable again, if the cordon is still ours and for this incident."""
        return await released(self._cluster, order)


def cordon(order: Order) -> ApiCall:
    """The PATCH that cordons the node of `order`, and says so."""
    return _patch(order.target.name, {MARK: order.incident_id, MARK_ORDER: order.handle}, unschedulable=True)


def uncordon(node: str) -> ApiCall:
    """The PATCH that makes `node` schedulable and takes our marks away."""
    return _patch(node, {MARK: None, MARK_ORDER: None}, unschedulable=None)


def _patch(node: str, marks: JsonObject, *, unschedulable: bool | None) -> ApiCall:
    body: JsonObject = {"metadata": {"annotations": marks}, "spec": {"unschedulable": unschedulable}}
    return ApiCall("PATCH", asking.node_path(node), body, asking.MERGE_PATCH)


def with_calls(plan: Plan, *calls: ApiCall) -> Plan:
    """`plan` with what it sends."""
    return replace(plan, order=replace(plan.order, calls=calls), already=not calls)


def is_ours(node: JsonObject) -> bool:
    """Whether `node` is cordoned, by our own hand."""
    marks = marks_of(dict(node))
    return marks.unschedulable and marks.cordoned_by == FIELD_MANAGER


def kept_by_others(node: JsonObject) -> str:
    """Who keeps `node` now; empty where it is free, or ours."""
    return ", ".join(map(str, holders(marks_of(dict(node)))))


def set_by_another(order: Order) -> Done:
    """Whether a node bears a cordon of ours that another order than `order` set, which then stays that order's."""

    def is_there(node: JsonObject) -> bool:
        return is_ours(node) and marks_of(dict(node)).annotations.get(MARK_ORDER) != order.handle

    return is_there


async def released(cluster: ClusterReader, order: Order) -> Order | None:
    """The order that takes away the cordon which `order` set; None where there is none of it, or it is not ours now.

    Raises:
        SentinelError: the node could not be read.
    """
    try:
        node = await asking.read_node(cluster, order.target.name)
    except NotFound:
        return None
    if not is_ours(node) or marks_of(node).annotations.get(MARK_ORDER) != order.handle:
        return None
    calls = (uncordon(order.target.name),)
    return replace(order, operation=Operation.UNCORDON_NODE, arguments={}, calls=calls)


def build(context: ToolContext) -> CordonNode:
    """The entry point."""
    return CordonNode(context.cluster)
