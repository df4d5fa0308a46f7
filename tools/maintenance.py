"""How a GPU is reset or a node rebooted without a shell: by asking whoever does that on this cluster.

Where the API server serves NVSentinel's `GPUReset` and `RebootNode` (janitor.dgxc.nvidia.com/v1alpha1), one of them is
made, under a name that the order determines. Elsewhere the node is given the annotation
`gcm-sentinel/maintenance-request` for a controller of the site: it does what that asks and takes it away, which is how
we know. `gcm-sentinel/maintenance-asked` stays, so that a request whose answer was lost is not made twice. When it was
asked stands in the node's managedFields, not in the text: a person approves the text as it is.

A request says which boot of the node it means, so one that was answered meanwhile is not made again. How one is taken
back that nobody has taken up: maintenance_withdrawal.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata
from gcm_sentinel.clients.kubernetes.objects import mapping, objects, status, strings, text
from gcm_sentinel.domain.conditions import state_of
from gcm_sentinel.domain.effects import MAINTENANCE_ASKED, MAINTENANCE_REQUEST
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.operations import JANITOR
from gcm_sentinel.domain.order import NODE_UID, ApiCall, Order
from gcm_sentinel.domain.protocols import Scope
from gcm_sentinel.domain.remediation import Besides, Carried, Check, Done, Hands, Unless
from gcm_sentinel.tools import asking
from gcm_sentinel.tools.context import ClusterReader
from gcm_sentinel.tools.cordon_node import kept_by_others

GROUP_PATH = f"/apis/{JANITOR}/v1alpha1"
BOOT = "boot_id"
WAS_FOR = "was_for"
"""Arguments of an order: the boot it means, and the conditions (``GpuXid=True``) that must have gone."""
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


def circumstances(node: KubeObject, scope: Scope, given: JsonObject, watched: tuple[str, ...]) -> JsonObject:
    """The arguments of an order about `node`: UID, boot, what is wrong with it; `given` are those of the call.

    `watched` is the operator's list of conditions: it says which status of a custom one is trouble.

    Raises:
        ValueError: the node booted since.
    """
    boot = boot_id(node)
    if given.get(BOOT, boot) != boot:
        raise ValueError(f"the node has booted since this was proposed (boot {boot}, was {given[BOOT]})")
    name = text(metadata(node).get("name"))
    kinds = {one.kind for one in scope.incident.triggers if one.node == name and one.source == "kubernetes"}
    wrong: list[Json] = [state for kind, state in _states(node) if kind in kinds and _is_bad(state, watched)]
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
    there = annotation(await asking.read_node(cluster, name))
    if there not in ("", words):
        raise ValueError(f"node {name} bears a maintenance request already: {there[:200]}")
    note = f"{kind.kind} of NVSentinel is not served: asks the site's own controller by the annotation"
    return replace(order, calls=(annotating(name, words, order.handle),)), f"{note} {MAINTENANCE_REQUEST}"


async def ask(order: Order, hands: Hands, besides: Besides) -> Carried:
    """Send the request; unless somebody keeps the node by now, it has booted, or `besides` objects.

    Raises:
        SentinelError: it could not be sent.
    """
    (call,) = order.calls
    about = "" if call.method == "PATCH" else asking.node_path(order.target.node or order.target.name)
    await hands.send(call, unless=_must_be_free(order), besides=besides, done=_was_asked(order), about=about)
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
        return progress(await cluster.get(path), kind)
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


def annotating(node: str, words: str | None, handle: str | None) -> ApiCall:
    """The call that puts the request `words` on a node; takes it and all trace of it away where both are None."""
    body: JsonObject = {"metadata": {"annotations": {MAINTENANCE_REQUEST: words, MAINTENANCE_ASKED: handle}}}
    return ApiCall("PATCH", asking.node_path(node), body, asking.MERGE_PATCH)


def asked_for(order: Order) -> str:
    """The annotation that the order puts on the node."""
    body = mapping(order.calls[0].body)
    return text(mapping(metadata(body).get("annotations")).get(MAINTENANCE_REQUEST))


def annotation(node: KubeObject) -> str:
    """The request that a node bears; empty where it bears none."""
    return strings(metadata(node).get("annotations")).get(MAINTENANCE_REQUEST, "")


def _was_asked(order: Order) -> Done:
    """Whether the node tells that this very request was made, though the controller may have taken it away since."""
    return lambda found: strings(metadata(dict(found)).get("annotations")).get(MAINTENANCE_ASKED) == order.handle


def _must_be_free(order: Order) -> Unless:
    def objection(found: JsonObject) -> str:
        node = dict(found)
        there, boot = annotation(node), boot_id(node)
        if boot != order.arguments.get(BOOT):
            return f"the node has booted since (boot {boot})"
        if there and there != asked_for(order):
            return f"it bears a maintenance request already: {there[:200]}"
        return kept_by_others(node)

    return objection


def _annotation_taken(order: Order, node: KubeObject) -> Check:
    if annotation(node) == asked_for(order):
        return Check(met=False, words="the site's controller has not taken the request away")
    return Check(met=True, words="the site's controller took the request away")


def progress(found: KubeObject, kind: Kind) -> Check:
    """How far the resource has come, as its conditions say."""
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


def _is_bad(state: str, watched: tuple[str, ...]) -> bool:
    """Whether ``type=status`` is trouble, by the polarity that the watcher goes by; Unknown is none that can go."""
    kind, _, status_ = state.rpartition("=")
    return state_of(kind, status_, watched) == "problem"
