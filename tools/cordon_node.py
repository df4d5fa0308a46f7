"""Keeps new pods off a node: `spec.unschedulable`, set under our own field manager, with a note of the incident.

A node that somebody else has cordoned is theirs (domain/ownership.py), and the gate refuses. One we cordoned before is
left as it is. What is sent is bound to the version that was read: a node that changed meanwhile refuses it, is read
again, and must look the same in what matters.
"""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.clients.kubernetes.objects import metadata, text
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.ownership import FIELD_MANAGER, holders
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Hands, Plan
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking
from gcm_sentinel.tools.context import ClusterReader, ToolContext

MARK = "gcm-sentinel/cordoned-for"
"""Annotation: the incident a cordon of ours is about."""


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
        marks = marks_of(node)
        ours = marks.unschedulable and marks.cordoned_by == FIELD_MANAGER
        calls = () if ours else (set_unschedulable(text(metadata(node).get("name")), scope.incident.id),)
        return asking.node_plan(self.operation, node, scope, calls, why=asking.reason(call))

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Send the PATCH, unless somebody keeps the node by now."""
        for call in order.calls:
            await hands.send(call, unless=kept_by_others)
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


def set_unschedulable(node: str, incident_id: str | None) -> ApiCall:
    """The PATCH that cordons `node` for an incident; uncordons it where that is None."""
    body: JsonObject = {
        "metadata": {"annotations": {MARK: incident_id}},
        "spec": {"unschedulable": True if incident_id else None},
    }
    return ApiCall("PATCH", asking.node_path(node), body, asking.MERGE_PATCH)


def kept_by_others(node: JsonObject) -> str:
    """Who keeps `node` now; empty where it is free, or ours."""
    return ", ".join(map(str, holders(marks_of(dict(node)))))


async def released(cluster: ClusterReader, order: Order) -> Order | None:
    """The order that takes an incident's cordon away; None where there is none of it, or it is not ours any more.

    Raises:
        SentinelError: the node could not be read.
    """
    try:
        node = await asking.read_node(cluster, order.target.name)
    except NotFound:
        return None
    marks = marks_of(node)
    ours = marks.unschedulable and marks.cordoned_by == FIELD_MANAGER
    if not ours or marks.annotations.get(MARK) != order.incident_id:
        return None
    calls = (set_unschedulable(order.target.name, None),)
    return replace(order, operation=Operation.UNCORDON_NODE, arguments={}, calls=calls)


def build(context: ToolContext) -> CordonNode:
    """The entry point."""
    return CordonNode(context.cluster)
