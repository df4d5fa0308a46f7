"""Empties a node: cordons it, then evicts exactly the pods that were shown, each by its UID, within their budgets.

Which pods must leave, and in what order, is in leaving.py; waiting and trying again in emptying.py. A pod that came
after the drain was planned is not evicted but reported, so nothing leaves that nobody saw. Taking a drain back makes
the node schedulable again; the pods that left do not come back.
"""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.clients.kubernetes import metadata
from gcm_sentinel.clients.kubernetes.client import Objects
from gcm_sentinel.clients.kubernetes.objects import text
from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.operations import DECLARED, Operation
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Hands, Plan
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking, pods
from gcm_sentinel.tools.context import ClusterReader, ToolContext
from gcm_sentinel.tools.cordon_node import cordon, is_ours, kept_by_others, released, set_by_another, with_calls
from gcm_sentinel.tools.drain_round import look_at
from gcm_sentinel.tools.emptying import Emptying, leftovers
from gcm_sentinel.tools.gangs import affected
from gcm_sentinel.tools.leaving import in_order, stay_of

WITHIN = DECLARED[Operation.DRAIN_NODE].verify_within
_NOTE = "Evicted pods do not come back when it is undone: their controllers make new ones where there is room."
_SHOWN_MAX = 5
_OURS_ALREADY = "cordoned_before"
_STUCK = "stuck"


class DrainNode:
    """`drain_node`."""

    operation = Operation.DRAIN_NODE

    def __init__(self, cluster: ClusterReader, policy: ActingPolicy) -> None:
        self._cluster = cluster
        self._policy = policy

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        return asking.spec_of(
            self.operation,
            "Propose to empty a node: cordon it and evict its workloads within their disruption budgets.",
            {"node_name": asking.NODE},
        )

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """The cordon, where it is not ours yet, and one eviction per pod that must leave."""
        node = await asking.read_node(self._cluster, asking.node_name(call))
        name = text(metadata(node).get("name"))
        there = await pods.on_node(self._cluster, name)
        leaving = in_order(pod for pod in there if stay_of(pod, self._policy) is None)
        evictions = tuple(pods.eviction(pod) for pod in leaving)
        plan = asking.node_plan(self.operation, node, scope, (), why=asking.reason(call))
        first = () if is_ours(node) else (cordon(plan.order),)
        return replace(
            with_calls(plan, *first, *evictions),
            affects=await affected(self._cluster, leaving),
            spared=self._spared(there),
            notes=(_NOTE,),
            severable=evictions,
        )

    def _spared(self, there: Objects) -> tuple[str, ...]:
        return tuple(f"{pods.full_name(pod)}: {stay.reason}" for pod in there if (stay := stay_of(pod, self._policy)))

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Cordon, evict, wait until they are gone; what stays is told with the reason."""
        emptying = Emptying(order, hands, self._cluster, self._policy)
        before = await emptying.look()
        for call in _cordon(order):
            await hands.send(call, unless=kept_by_others, done=set_by_another(order))
        found = await emptying(WITHIN)
        progress, sent = emptying.progress, 0 if before.cordoned else len(_cordon(order))
        return Carried(
            sent + progress.evicted,
            leftovers(found, progress),
            {_OURS_ALREADY: before.cordoned, _STUCK: len(found.left)},
        )

    async def check(self, order: Order, carried: Carried) -> Check:
        """Whether the node is unschedulable by our hand and none of the listed pods is left, a terminating one is."""
        name = order.target.name
        try:
            found = await look_at(self._cluster, order, self._policy)
        except NotFound:
            return Check(met=False, words=f"node {name} is gone", hopeless=True)
        if not found.cordoned:
            return Check(met=False, words=f"node {name} is not cordoned by us", hopeless=True)
        if found.left:
            held = [line for line in carried.left if line.partition(": ")[0] in {p.name for p in found.left.values()}]
            words = f"{len(found.left)} pods are left on {name} ({_few(held)}); those that went do not come back"
            return Check(met=False, words=words, hopeless=bool(carried.facts.get(_STUCK)))
        stay = f"; {len(found.others)} others stay: {_few(found.others)}" if found.others else ""
        return Check(met=True, words=f"node {name} is cordoned, and none of the pods that were to leave is left{stay}")

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Make the node schedulable again, if it was this drain that cordoned it and the cordon is still ours."""
        if not _cordon(order) or carried.facts.get(_OURS_ALREADY) is True:
            return None
        return await released(self._cluster, order)


def _cordon(order: Order) -> tuple[ApiCall, ...]:
    return tuple(call for call in order.calls if not pods.evicts(call))


def _few(lines: tuple[str, ...] | list[str]) -> str:
    more = len(lines) - _SHOWN_MAX
    return "; ".join([*lines[:_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]) or "not told to leave yet"


def build(context: ToolContext) -> DrainNode:
    """The entry point."""
    return DrainNode(context.cluster, context.policy)
