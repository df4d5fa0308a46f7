"""Has one GPU reset once nothing uses the node's GPUs, by NVSentinel's janitor or the site's own controller.

Kubernetes does not know which GPU a pod holds, so while any pod with GPUs runs on the node the answer is: drain first.
"""

from __future__ import annotations

from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.clients.kubernetes.objects import metadata, strings
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Hands, Plan
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking, gpu_places, maintenance, maintenance_withdrawal
from gcm_sentinel.tools.context import ToolContext
from gcm_sentinel.tools.emptied import Emptied


class ResetGpu:
    """`reset_gpu`."""

    operation = Operation.RESET_GPU

    def __init__(self, context: ToolContext) -> None:
        self._cluster = context.cluster
        self._watched = context.watch_conditions
        self._objection = Emptied(context).for_reset

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        return asking.spec_of(
            self.operation,
            "Propose to reset one GPU of a node on which no pod uses a GPU any more (drain it first). Volatile counters"
            " are lost; they are captured before.",
            gpu_places.PROPERTIES,
        )

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """One request for the GPU's reset."""
        uuid, name = gpu_places.gpu_and_node(call, scope)
        node = await asking.read_node(self._cluster, name)
        if objection := await self._objection(node):
            raise ValueError(objection)
        incident = scope.incident
        target = ActionTarget("gpu", uuid, uuid, name)
        given = maintenance.circumstances(node, scope, call.arguments, self._watched)
        order = Order(self.operation, target, incident.id, incident.investigation_id, given, reason=asking.reason(call))
        asked: JsonObject = {"nodeName": name, "selector": {"uuids": [uuid]}}
        order, note = await maintenance.request(self._cluster, order, maintenance.GPU_RESET, asked)
        return Plan(order, marks_of(node), strings(metadata(node).get("labels")), notes=(note,))

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Send the request, unless the node is not emptied any more; or take it back."""
        if maintenance_withdrawal.withdraws(order):
            return await maintenance_withdrawal.withdraw(order, hands)
        return await maintenance.ask(order, hands, self._objection)

    async def check(self, order: Order, carried: Carried) -> Check:
        """Whether the reset is reported complete, and what it was for has gone."""
        if maintenance_withdrawal.withdraws(order):
            return await maintenance_withdrawal.withdrawn(self._cluster, order, carried)
        try:
            node = await asking.read_node(self._cluster, order.target.node)
        except NotFound:
            return Check(met=False, words=f"node {order.target.node} is gone", hopeless=True)
        found = await maintenance.answered(self._cluster, order, maintenance.GPU_RESET, node)
        if not found.met:
            return found
        return maintenance.effect(order, node, found.words)

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Take the request back where nobody has taken it up; a reset itself cannot be undone."""
        return await maintenance_withdrawal.withdrawal(self._cluster, order, maintenance.GPU_RESET)


def build(context: ToolContext) -> ResetGpu:
    """The entry point."""
    return ResetGpu(context)
