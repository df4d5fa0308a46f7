"""Takes one taint of ours off a node, and no other.

No model may ask for it: it undoes `taint_node`, and a person may order it.
"""

from __future__ import annotations

from functools import partial

from gcm_sentinel.clients.kubernetes import metadata
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Hands, Plan
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking, taints
from gcm_sentinel.tools.context import ClusterReader, ToolContext
from gcm_sentinel.tools.cordon_node import kept_by_others


class UntaintNode:
    """`untaint_node`."""

    operation = Operation.UNTAINT_NODE

    def __init__(self, cluster: ClusterReader) -> None:
        self._cluster = cluster

    @property
    def spec(self) -> ToolSpec:
        """The tool as a person sees it."""
        return asking.spec_of(
            self.operation,
            "Take a taint of ours off a node.",
            {"node_name": asking.NODE, "key": taints.KEY, "effect": taints.EFFECT},
        )

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """One PATCH; none where the node does not carry the taint."""
        wanted: JsonObject = {"key": taints.key(call), "effect": taints.effect(call)}
        node = await asking.read_node(self._cluster, asking.node_name(call))
        there = taints.found(node, wanted)
        calls = () if there is None else (taints.removed(text(metadata(node).get("name")), *there),)
        return asking.node_plan(self.operation, node, scope, calls, arguments=wanted, why=asking.reason(call))

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Send the PATCH; it removes what it names, or nothing."""
        for call in order.calls:
            await hands.send(call, unless=kept_by_others, done=partial(_is_gone, order.arguments))
        return Carried(len(order.calls))

    async def check(self, order: Order, carried: Carried) -> Check:
        """Whether the taint is gone."""
        name = order.target.name
        try:
            gone = _is_gone(order.arguments, await asking.read_node(self._cluster, name))
        except NotFound:
            return Check(met=False, words=f"node {name} is gone", hopeless=True)
        state = "does not carry" if gone else "still carries"
        return Check(met=gone, words=f"node {name} {state} {order.arguments['key']}:{order.arguments['effect']}")

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Nothing: whoever wants it back orders that."""
        return None


def _is_gone(wanted: JsonObject, node: JsonObject) -> bool:
    return taints.found(dict(node), wanted) is None


def build(context: ToolContext) -> UntaintNode:
    """The entry point."""
    return UntaintNode(context.cluster)
