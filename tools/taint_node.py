"""Puts one taint of ours on a node, so that only pods that tolerate it still come; every other taint stays untouched.

How, and why not by server-side apply, is in taints.py.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gcm_sentinel.clients.kubernetes import KubeObject, metadata
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


class TaintNode:
    """`taint_node`."""

    operation = Operation.TAINT_NODE

    def __init__(self, cluster: ClusterReader) -> None:
        self._cluster = cluster

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        return asking.spec_of(
            self.operation,
            "Propose a taint that keeps new pods off a node unless they tolerate it. What runs there goes on running.",
            {"node_name": asking.NODE, "key": taints.KEY, "value": taints.VALUE, "effect": taints.EFFECT},
        )

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """One PATCH; none where the very taint is there."""
        taint: JsonObject = {"key": taints.key(call), "value": taints.value(call), "effect": taints.effect(call)}
        node = await asking.read_node(self._cluster, asking.node_name(call))
        other = _clash(taint, node)
        if other:
            raise ValueError(other)
        calls = () if _carries(taint, node) else (taints.added(text(metadata(node).get("name")), taint),)
        return asking.node_plan(self.operation, node, scope, calls, arguments=taint, why=asking.reason(call))

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Send the PATCH, unless somebody keeps the node by now, or the key has another value."""
        for call in order.calls:
            await hands.send(call, unless=partial(_objection, order.arguments), done=partial(_carries, order.arguments))
        return Carried(len(order.calls))

    async def check(self, order: Order, carried: Carried) -> Check:
        """Whether the node carries the taint."""
        name, taint = order.target.name, order.arguments
        try:
            there = _carries(taint, await asking.read_node(self._cluster, name))
        except NotFound:
            return Check(met=False, words=f"node {name} is gone", hopeless=True)
        return Check(met=there, words=f"node {name} {'carries' if there else 'does not carry'} {taints.words(taint)}")

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Take the taint away, if it is as we put it."""
        try:
            node = await asking.read_node(self._cluster, order.target.name)
        except NotFound:
            return None
        there = taints.found(node, order.arguments)
        if there is None or not _carries(order.arguments, node):
            return None
        return replace(order, operation=Operation.UNTAINT_NODE, calls=(taints.removed(order.target.name, *there),))


def _carries(taint: JsonObject, node: JsonObject) -> bool:
    there = taints.found(dict(node), taint)
    return there is not None and text(there[1].get("value")) == taint["value"]


def _clash(taint: JsonObject, node: KubeObject) -> str:
    """Why the taint cannot be added: a node has a key and effect once."""
    there = taints.found(node, taint)
    if there is None or _carries(taint, node):
        return ""
    return f"the node carries {taints.words(there[1])} already: a key has one value"


def _objection(taint: JsonObject, node: JsonObject) -> str:
    return kept_by_others(node) or _clash(taint, dict(node))


def build(context: ToolContext) -> TaintNode:
    """The entry point."""
    return TaintNode(context.cluster)
