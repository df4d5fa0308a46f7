"""Has a node rebooted, by NVSentinel's janitor or the site's own controller; done when it is Ready in another boot."""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Hands, Plan
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking, gangs, maintenance, maintenance_withdrawal, pods
from gcm_sentinel.tools.context import ToolContext
from gcm_sentinel.tools.emptied import Emptied


class RebootNode:
    """`reboot_node`."""

    operation = Operation.REBOOT_NODE

    def __init__(self, context: ToolContext) -> None:
        self._cluster = context.cluster
        self._watched = context.watch_conditions
        self._objection = Emptied(context).for_reboot

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        return asking.spec_of(
            self.operation,
            "Propose to reboot a node. Everything that runs there stops: drain it first. Kernel log and volatile"
            " counters are lost; they are captured before.",
            {"node_name": asking.NODE},
        )

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """One request for the node's reboot, with the pods with GPUs that it would stop."""
        node = await asking.read_node(self._cluster, asking.node_name(call))
        name = text(metadata(node).get("name"))
        if objection := await self._objection(node):
            raise ValueError(objection)
        given = maintenance.circumstances(node, scope, call.arguments, self._watched)
        plan = asking.node_plan(self.operation, node, scope, (), arguments=given, why=asking.reason(call))
        asked: JsonObject = {"nodeName": name, "force": False}
        order, note = await maintenance.request(self._cluster, plan.order, maintenance.NODE_REBOOT, asked)
        stopped = [pod for pod in await pods.on_node(self._cluster, name) if pods.holds_gpu(pod)]
        concerned = await gangs.affected(self._cluster, stopped)
        return replace(plan, order=order, affects=concerned, notes=(note,), already=False)

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Send the request, unless the node is not emptied any more; or take it back."""
        if maintenance_withdrawal.withdraws(order):
            return await maintenance_withdrawal.withdraw(order, hands)
        return await maintenance.ask(order, hands, self._objection)

    async def check(self, order: Order, carried: Carried) -> Check:
        """Whether the node is Ready in another boot, the request answered, and what it was for gone."""
        if maintenance_withdrawal.withdraws(order):
            return await maintenance_withdrawal.withdrawn(self._cluster, order, carried)
        try:
            node = await asking.read_node(self._cluster, order.target.name)
        except NotFound:
            return Check(met=False, words=f"node {order.target.name} is gone", hopeless=True)
        found = await maintenance.answered(self._cluster, order, maintenance.NODE_REBOOT, node)
        if not found.met:
            return found
        return _back(order, carried, node)

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Take the request back where nobody has taken it up; a reboot itself cannot be undone."""
        return await maintenance_withdrawal.withdrawal(self._cluster, order, maintenance.NODE_REBOOT)


def _back(order: Order, carried: Carried, node: KubeObject) -> Check:
    name, boot = order.target.name, maintenance.boot_id(node)
    if not boot or boot == carried.facts.get(maintenance.BOOT):
        return Check(met=False, words=f"node {name} is still in boot {boot}")
    if not any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions(node)):
        return Check(met=False, words=f"node {name} booted ({boot}) and is not Ready")
    return maintenance.effect(order, node, f"node {name} booted ({boot}) and is Ready")


def build(context: ToolContext) -> RebootNode:
    """The entry point."""
    return RebootNode(context)
