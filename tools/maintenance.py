"""How a GPU is reset or a node rebooted without a shell: by asking whoever does that on this cluster.

Where the API server serves NVSentinel's `GPUReset` and `RebootNode` (janitor.dgxc.nvidia.com/v1alpha1), one of them is
made, under a name that the order determines. Elsewhere the node is given the annotation
`gcm-sentinel/maintenance-request` for a controller of the site: it does what that asks and takes it away, which is how
we know. When it was asked stands in the node's managedFields, not in the text: a person approves the text as it is.

A request says which boot of the node it means, so one that was answered meanwhile is not made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata
from gcm_sentinel.clients.kubernetes.objects import mapping, objects, status, strings, text
from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS, state_of
from gcm_sentinel.domain.effects import MAINTENANCE_REQUEST
from gcm_sentinel.domain.errors import NotFound, Refused
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.operations import JANITOR
from gcm_sentinel.domain.order import NODE_UID, ApiCall, Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Besides, Carried, Check, Hands, Unless
from gcm_sentinel.tools import asking
from gcm_sentinel.tools.context import ClusterReader
from gcm_sentinel.tools.cordon_node import kept_by_others

GROUP_PATH = f"/apis/{JANITOR}/v1alpha1"
BOOT = "boot_id"
WAS_FOR = "was_for"
"""Arguments of an order: the boot it means, and the conditions (``GpuXid=True``) that must have gone."""
_WITHDRAWS = "withdraws"
_MANUAL = "ManualMode"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request."""

    plural: str
    kind: str
    complete: tuple[str, ...]
    """Conditions of its status, in order: one that is False failed, the last True ends it."""
    action: str
    """In the annotation."""


GPU_RESET = Kind("gpuresets", "GPUReset", ("Complete",), "reset-gpu")
NODE_REBOOT = Kind("rebootnodes", "RebootNode", ("SignalSent", "NodeReady"), "reboot")


def boot_id(node: KubeObject) -> str:
    """Of the node's running system; another one after every boot."""
    return text(mapping(status(node).get("nodeInfo")).get("bootID"))


def circumstances(node: KubeObject, scope: Scope, given: JsonObject) -> JsonObject:
    """The arguments of an order about `node`: UID, boot, what is wrong with it; `given` are those of the call.

    Raises:
        ValueError: the node booted since.
    """
    boot = boot_id(node)
    if given.get(BOOT, boot) != boot:
        raise ValueError(f"the node has booted since this was proposed (boot {boot}, was {given[BOOT]})")
    name = text(metadata(node).get("name"))
    kinds = {one.kind for one in scope.incident.triggers if one.node == name and one.source == "kubernetes"}
    wrong: list[Json] = [state for kind, state in _states(node) if kind in kinds and _is_bad(state)]
    return {NODE_UID: text(metadata(node).get("uid")), BOOT: boot, WAS_FOR: wrong}


async def request(cluster: ClusterReader, order: Order, kind: Kind, spec: JsonObject) -> tuple[Order, str]:
    """`order` with the call that asks for it, and a sentence that says whom it asks.

    Raises:
        ValueError: the node bears another request already.
        SentinelError: the cluster could not be read.
    """
    name = order.target.node or order.target.name
    if await _served(cluster, kind):
        return replace(order, calls=(_resource(order, kind, spec),)), f"asks NVSentinel's janitor by a {kind.kind}"
    words = _words(order, kind)
    there = _annotation(await asking.read_node(cluster, name))
    if there not in ("", words):
        raise ValueError(f"node {name} bears a maintenance request already: {there[:200]}")
    note = f"{kind.kind} of NVSentinel is not served: asks the site's own controller by the annotation"
    return replace(order, calls=(_patch(name, words),)), f"{note} {MAINTENANCE_REQUEST}"


async def ask(order: Order, hands: Hands, besides: Besides) -> Carried:
    """Send the request; unless somebody keeps the node by now, it has booted, or `besides` objects.

    Raises:
        SentinelError: it could not be sent.
    """
    (call,) = order.calls
    about = "" if call.method == "PATCH" else asking.node_path(order.target.node or order.target.name)
    if withdraws(order):
        await hands.send(call, unless=_must_bear(order), about=about)
    else:
        await hands.send(call, unless=_must_be_free(order), besides=besides, about=about)
    return Carried(1, facts={BOOT: order.arguments.get(BOOT, "")})


async def answered(cluster: ClusterReader, order: Order, kind: Kind, node: KubeObject) -> Check:
    """Whether the request was carried out, as whoever was asked says.

    Raises:
        SentinelError: the cluster could not be read.
    """
    (call,) = order.calls
    if call.method == "PATCH":
        return _annotation_taken(order, node)
    path = f"{call.path}/{order.handle}"
    try:
        return _progress(await cluster.get(path), kind)
    except NotFound:
        return Check(met=False, words=f"{kind.kind} {order.handle} is gone", hopeless=True)


def effect(order: Order, node: KubeObject, done: str) -> Check:
    """Whether what the request was for has gone, once it is `done`, in words; only bad states can go."""
    was = order.arguments.get(WAS_FOR)
    before = was if isinstance(was, list) else []
    if not before:
        return Check(met=True, words=f"{done}; whether it helped was not checked: no condition of the node was bad")
    left = ", ".join(state for _, state in _states(node) if state in before)
    return Check(met=not left, words=f"{done}, but {left} stands" if left else done)


async def withdrawal(cluster: ClusterReader, order: Order, kind: Kind) -> Order | None:
    """The order that takes back what nobody has taken up; None where the request was answered, or is gone.

    Raises:
        Refused: it was made as a resource that still stands; the words say which.
        SentinelError: the cluster could not be read.
    """
    (call,) = order.calls
    if _WITHDRAWS in order.arguments:
        return None
    if call.method != "PATCH":
        await _must_be_answered(cluster, order, kind)
        return None
    name = order.target.node or order.target.name
    try:
        node = await asking.read_node(cluster, name)
    except NotFound:
        return None
    if _annotation(node) != _asked_for(order):
        return None
    arguments: JsonObject = {**order.arguments, _WITHDRAWS: _asked_for(order)}
    return replace(order, arguments=arguments, calls=(_patch(name, None),))


async def _must_be_answered(cluster: ClusterReader, order: Order, kind: Kind) -> None:
    """Whoever was asked by a resource may still act on it, however late."""
    path = f"{order.calls[0].path}/{order.handle}"
    try:
        found = await cluster.get(path)
    except NotFound:
        return
    state = _progress(found, kind)
    if state.met or state.hopeless:
        return
    how = state.words if conditions(found) else "nobody has taken it up"
    raise Refused(f"{kind.kind} {order.handle} still stands and may yet be carried out ({how}); to stop it, delete it")


def withdraws(order: Order) -> bool:
    """Whether it takes a request back."""
    return _WITHDRAWS in order.arguments


async def _served(cluster: ClusterReader, kind: Kind) -> bool:
    """Whether the API server serves the kind, by discovery: it needs no permission of its own."""
    try:
        found = await cluster.get(GROUP_PATH)
    except NotFound:
        return False
    return any(row.get("name") == kind.plural for row in objects(found.get("resources")))


def _resource(order: Order, kind: Kind, spec: JsonObject) -> ApiCall:
    body: JsonObject = {
        "apiVersion": f"{JANITOR}/v1alpha1",
        "kind": kind.kind,
        "metadata": {"name": order.handle, "annotations": {"gcm-sentinel/incident": order.incident_id}},
        "spec": spec,
    }
    return ApiCall("POST", f"{GROUP_PATH}/{kind.plural}", body)


def _words(order: Order, kind: Kind) -> str:
    gpus = [order.target.uid] if order.target.node else []
    told = {"action": kind.action, "gpus": gpus, "incident": order.incident_id, "request": order.handle}
    return json.dumps(told, sort_keys=True)


def _patch(node: str, words: str | None) -> ApiCall:
    body: JsonObject = {"metadata": {"annotations": {MAINTENANCE_REQUEST: words}}}
    return ApiCall("PATCH", asking.node_path(node), body, asking.MERGE_PATCH)


def _asked_for(order: Order) -> str:
    """The annotation that the order puts on the node."""
    body = mapping(order.calls[0].body)
    return text(mapping(metadata(body).get("annotations")).get(MAINTENANCE_REQUEST))


def _annotation(node: KubeObject) -> str:
    return strings(metadata(node).get("annotations")).get(MAINTENANCE_REQUEST, "")


def _must_be_free(order: Order) -> Unless:
    def objection(found: JsonObject) -> str:
        node = dict(found)
        there, boot = _annotation(node), boot_id(node)
        if boot != order.arguments.get(BOOT):
            return f"the node has booted since (boot {boot})"
        if there and there != _asked_for(order):
            return f"it bears a maintenance request already: {there[:200]}"
        return kept_by_others(node)

    return objection


def _must_bear(order: Order) -> Callable[[JsonObject], str]:
    def objection(found: JsonObject) -> str:
        return "" if _annotation(dict(found)) == order.arguments[_WITHDRAWS] else "the request is not there any more"

    return objection


def _annotation_taken(order: Order, node: KubeObject) -> Check:
    there = _annotation(node)
    if withdraws(order):
        back = there != order.arguments[_WITHDRAWS]
        return Check(met=back, words="the request was taken back" if back else "the request still stands on the node")
    if there == _asked_for(order):
        return Check(met=False, words="the site's controller has not taken the request away")
    return Check(met=True, words="the site's controller took the request away")


def _progress(found: KubeObject, kind: Kind) -> Check:
    states = {text(one.get("type")): one for one in conditions(found)}
    if any(text(states.get(name, {}).get("status")) == "False" for name in kind.complete):
        failed = next(states[name] for name in kind.complete if text(states.get(name, {}).get("status")) == "False")
        why = " ".join(filter(None, (text(failed.get("reason")), text(failed.get("message")))))[:300]
        return Check(met=False, words=f"{kind.kind} failed: {text(failed.get('type'))} {why}".rstrip(), hopeless=True)
    if text(states.get(kind.complete[-1], {}).get("status")) == "True":
        return Check(met=True, words=f"{kind.kind} is complete")
    by_hand = text(states.get(_MANUAL, {}).get("status")) == "True"
    return Check(met=False, words=f"{kind.kind} waits for a person (manual mode)" if by_hand else f"{kind.kind} runs")


def _states(node: KubeObject) -> list[tuple[str, str]]:
    """The node's conditions: type, and ``type=status``."""
    found = [(text(one.get("type")), text(one.get("status"))) for one in conditions(node)]
    return [(kind, f"{kind}={state}") for kind, state in found]


def _is_bad(state: str) -> bool:
    """Whether ``type=status`` is trouble, by the polarity that the watcher goes by; Unknown is none that can go."""
    kind, _, status_ = state.rpartition("=")
    return state_of(kind, status_, DEFAULT_WATCH_CONDITIONS) == "problem"
