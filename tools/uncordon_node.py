"""Gives a node back to the scheduler that we kept from it; somebody else's cordon stays.

No model may ask for it: it undoes `cordon_node` and `drain_node`, and a person may order it.
"""

from __future__ import annotations

from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.clients.kubernetes.objects import metadata, text
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Hands, Plan
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking
from gcm_sentinel.tools.context import ClusterReader, ToolContext
from gcm_sentinel.tools.cordon_node import is_ours, kept_by_others, uncordon


class UncordonNode:
    """`uncordon_node`."""

    operation = Operation.UNCORDON_NODE

    def __init__(self, cluster: ClusterReader) -> None:
        self._cluster = cluster

    @property
    def spec(self) -> ToolSpec:
        """The tool as a person sees it."""
        return asking.spec_of(
            self.operation, "Give a node back to the scheduler that we cordoned.", {"node_name": asking.NODE}
        )

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """One PATCH; none where the node is schedulable or its cordon is not ours."""
        node = await asking.read_node(self._cluster, asking.node_name(call))
        calls = (uncordon(text(metadata(node).get("name"))),) if is_ours(node) else ()
        return asking.node_plan(self.operation, node, scope, calls, why=asking.reason(call))

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Send the PATCH, unless somebody keeps the node by now."""
        for call in order.calls:
            await hands.send(call, unless=kept_by_others)
        return Carried(len(order.calls))

    async def check(self, order: Order, carried: Carried) -> Check:
        """Whether the node is schedulable."""
        try:
            marks = marks_of(await asking.read_node(self._cluster, order.target.name))
        except NotFound:
            return Check(met=False, words=f"node {order.target.name} is gone", hopeless=True)
        state = "unschedulable" if marks.unschedulable else "schedulable"
        return Check(met=not marks.unschedulable, words=f"node {order.target.name} is {state}")

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Nothing: whoever wants it cordoned again orders that."""
        return None


def build(context: ToolContext) -> UncordonNode:
    """The entry point."""
    return UncordonNode(context.cluster)
