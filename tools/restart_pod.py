"""Restarts one pod of a GPU operator's DaemonSet: evicts it, and sees another of the same DaemonSet Ready on the node.

Only pods of the closed table in gpu_operators.py, only on a node of the incident, each by its UID.
"""

from __future__ import annotations

import re
from functools import partial

from gcm_sentinel.clients.kubernetes import KubeObject, metadata
from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.clients.kubernetes.objects import strings, text
from gcm_sentinel.domain.errors import NotFound, Overloaded, Refused, Rejected, Retryable
from gcm_sentinel.domain.jsontypes import Json
from gcm_sentinel.domain.operations import DECLARED, Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.domain.ownership import FIELD_MANAGER
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Carried, Check, Hands, Plan
from gcm_sentinel.domain.steps import Codec
from gcm_sentinel.domain.transcript import ToolCall, ToolSpec
from gcm_sentinel.tools import asking, gpu_operators, pods
from gcm_sentinel.tools.context import ClusterReader, ToolContext

WITHIN = DECLARED[Operation.RESTART_POD].verify_within
_CONFLICT, _TOO_MANY_REQUESTS = 409, 429
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_POD_NAME = re.compile(r"([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)/([a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?)")
_POD: Json = {"type": "string", "description": "The pod as namespace/name, on a node this incident is about."}
_DAEMONSET, _DAEMONSET_UID = "daemonset", "daemonset_uid"
_TEXT: Codec[str] = Codec(encode=lambda words: words, decode=str)


class RestartPod:
    """`restart_pod`."""

    operation = Operation.RESTART_POD

    def __init__(self, cluster: ClusterReader) -> None:
        self._cluster = cluster

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        return asking.spec_of(
            self.operation,
            f"Propose to restart one pod of a GPU operator's DaemonSet ({gpu_operators.known()}).",
            {"pod_name": _POD},
        )

    async def plan(self, call: ToolCall, scope: Scope) -> Plan:
        """One eviction."""
        namespace, name = _pod_name(call)
        pod = await self._cluster.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
        owner = _daemonset(pod)
        node = await asking.read_node(self._cluster, pods.node_of(pod))
        objection = await self._in_use(pod, node)
        if objection:
            raise ValueError(objection)
        order = Order(
            self.operation,
            ActionTarget("pod", pods.full_name(pod), pods.uid(pod), pods.node_of(pod)),
            scope.incident.id,
            scope.incident.investigation_id,
            {_DAEMONSET: f"{namespace}/{text(owner.get('name'))}", _DAEMONSET_UID: text(owner.get("uid"))},
            (pods.eviction(pod),),
            asking.reason(call),
        )
        return Plan(order, marks_of(node), strings(metadata(node).get("labels")))

    async def carry_out(self, order: Order, hands: Hands) -> Carried:
        """Evict it, unless the node came into use meanwhile; asked again where a budget or the API server refuses.

        A pod that is gone, or another one by now, has been evicted, by us before a crash perhaps: `check` decides.
        """
        waited_s, pause_s, lost = 0.0, _FIRST_PAUSE_S, ""
        while isinstance(sent := await self._evict(order, hands), Retryable):
            lost = lost or _lost(sent)
            if waited_s >= WITHIN.total_seconds() and not lost:
                raise sent
            if waited_s >= WITHIN.total_seconds():
                return Carried(0, left=(f"{order.target.name}: {lost}",))
            await hands.pause(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(pause_s * 2, _LONGEST_PAUSE_S)
        return Carried(sent)

    async def _evict(self, order: Order, hands: Hands) -> int | Retryable:
        """How many pods an eviction moved: none where it is gone, or another by now; else why to ask again."""
        await self._must_not_be_in_use(order, hands)
        try:
            await hands.send(order.calls[0])
        except NotFound:
            return 0
        except Rejected as error:
            if error.status != _CONFLICT:
                raise
            return 0
        except Retryable as error:
            return error
        return 1

    async def _must_not_be_in_use(self, order: Order, hands: Hands) -> None:
        objection = await hands.look("pod", partial(self._objection, order), _TEXT)
        if objection:
            raise Refused(objection)

    async def check(self, order: Order, carried: Carried) -> Check:
        """Whether another pod of the DaemonSet is Ready on the node."""
        wanted, title = order.arguments[_DAEMONSET_UID], order.arguments[_DAEMONSET]
        theirs = [
            pod
            for pod in await pods.on_node(self._cluster, order.target.node)
            if text((pods.owned_by(pod, "DaemonSet") or {}).get("uid")) == wanted
        ]
        new = [pod for pod in theirs if pods.uid(pod) != order.target.uid]
        made = next((pods.full_name(pod) for pod in new if pods.ready(pod)), "")
        if made:
            return Check(met=True, words=f"{made} of DaemonSet {title} is Ready on {order.target.node}")
        if new:
            return Check(met=False, words=f"{pods.full_name(new[0])} is not Ready yet")
        state = "is still there" if theirs else "is gone, and nothing has taken its place"
        return Check(met=False, words=f"{order.target.name} {state}")

    async def undo(self, order: Order, carried: Carried) -> Order | None:
        """Nothing takes a restart back."""
        return None

    async def _objection(self, order: Order) -> str:
        namespace, _, name = order.target.name.partition("/")
        try:
            pod = await self._cluster.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
        except NotFound:
            return ""  # whoever evicted it, another has to come
        if pods.uid(pod) != order.target.uid:
            return ""  # so it is here: the eviction is for the old one, which the API server will say
        return await self._in_use(pod, await asking.read_node(self._cluster, order.target.node))

    async def _in_use(self, pod: KubeObject, node: KubeObject) -> str:
        """Why a pod whose restart takes the driver away may not go; empty where it may."""
        operator = gpu_operators.operator_of(pod)
        if operator is None or not operator.empty_node_only:
            return ""
        name, marks = pods.node_of(pod), marks_of(node)
        if not marks.unschedulable or marks.cordoned_by != FIELD_MANAGER:
            return f"restarting the {operator.what} unloads it under every pod of {name}: cordon and drain it first"
        users = [pods.full_name(found) for found in await pods.on_node(self._cluster, name) if _uses_gpu(found)]
        return f"restarting the {operator.what} would take it from {', '.join(users[:5])}" if users else ""


def _lost(error: Retryable) -> str:
    """The words of a failure after which the eviction may have happened; empty for a 429, which is a refusal."""
    refused = isinstance(error, Overloaded) and error.status == _TOO_MANY_REQUESTS
    return "" if refused else str(error)


def _uses_gpu(pod: KubeObject) -> bool:
    return pods.holds_gpu(pod) and pods.owned_by(pod, "DaemonSet") is None


def _daemonset(pod: KubeObject) -> KubeObject:
    """The DaemonSet of a pod that may be restarted.

    Raises:
        ValueError: it is not one of the table's, or no DaemonSet's.
    """
    owner = pods.owned_by(pod, "DaemonSet")
    if owner is None or gpu_operators.operator_of(pod) is None:
        raise ValueError(
            f"{pods.full_name(pod)} is no pod of a DaemonSet that may be restarted: {gpu_operators.known()}"
        )
    if pods.terminating(pod):
        raise ValueError(f"{pods.full_name(pod)} is ending already")
    return owner


def _pod_name(call: ToolCall) -> tuple[str, str]:
    given = asking.argument(call, "pod_name")
    found = _POD_NAME.fullmatch(given)
    if found is None:
        raise ValueError(f"'pod_name' must be namespace/name of one pod, not {given!r}")
    return found[1], found[2]


def build(context: ToolContext) -> RestartPod:
    """The entry point."""
    return RestartPod(context.cluster)
