"""How a GPU is reset or a node rebooted without a shell: by asking whoever does that on this cluster.

Where the API server serves NVSentinel's `GPUReset` and `RebootNode` (janitor.dgxc.nvidia.com/v1alpha1), one of them is
made, under a name that the order determines. Elsewhere the node is given the annotation
`gcm-sentinel/maintenance-request` for a controller of the site: it does what that asks and takes it away, which is how
we know. `gcm-sentinel/maintenance-asked` stays, so that a request whose answer was lost is not made twice. When it was
asked stands in the node's managedFields, not in the text: a person approves the text as it is.

A request says which boot of the node it means, so one that was answered meanwhile is not made again. One that nobody
has taken up when its time is over is taken back: the annotation is removed, the resource deleted in the very version
that was read. Whoever takes a resource up writes into it (a status, a finalizer), so one that was written into stands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from gcm_sentinel.clients.kubernetes import KubeObject, conditions, metadata
from gcm_sentinel.clients.kubernetes.objects import mapping, objects, status, strings, text
from gcm_sentinel.domain.conditions import state_of
from gcm_sentinel.domain.effects import MAINTENANCE_ASKED, MAINTENANCE_REQUEST
from gcm_sentinel.domain.errors import NotFound, Refused, SentinelError
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
_DELETE = "DELETE"
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
    there = _annotation(await asking.read_node(cluster, name))
    if there not in ("", words):
        raise ValueError(f"node {name} bears a maintenance request already: {there[:200]}")
    note = f"{kind.kind} of NVSentinel is not served: asks the site's own controller by the annotation"
    return replace(order, calls=(_patch(name, words, order.handle),)), f"{note} {MAINTENANCE_REQUEST}"


async def ask(order: Order, hands: Hands, besides: Besides) -> Carried:
    """Send the request; unless somebody keeps the node by now, it has booted, or `besides` objects.

    Raises:
        SentinelError: it could not be sent.
    """
    (call,) = order.calls
    about = "" if call.method == "PATCH" else asking.node_path(order.target.node or order.target.name)
    await hands.send(call, unless=_must_be_free(order), besides=besides, done=_was_asked(order), about=about)
    return Carried(1, facts={BOOT: order.arguments.get(BOOT, "")})


async def withdraw(order: Order, hands: Hands) -> Carried:
    """Take the request back, as `withdrawal` has found it.

    Raises:
        Refused: it was changed since, or could not be deleted, and still stands.
        SentinelError: it could not be sent.
    """
    (call,) = order.calls
    if call.method != _DELETE:
        await hands.send(call, unless=_must_bear(order))
        return Carried(1)
    try:
        await hands.send(call)
    except SentinelError as error:
        raise Refused(_stands(_kind_of(call.path).kind, order, f"it was not deleted: {error}")) from error
    return Carried(1)


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
        Refused: somebody has taken the resource up and not answered yet; the words say which.
        SentinelError: the cluster could not be read.
    """
    (call,) = order.calls
    if _WITHDRAWS in order.arguments:
        return None
    if call.method != "PATCH":
        return await _deletion(cluster, order, kind)
    name = order.target.node or order.target.name
    try:
        node = await asking.read_node(cluster, name)
    except NotFound:
        return None
    if _annotation(node) != _asked_for(order):
        return None
    arguments: JsonObject = {**order.arguments, _WITHDRAWS: _asked_for(order)}
    return replace(order, arguments=arguments, calls=(_patch(name, None, None),))


async def withdrawn(cluster: ClusterReader, order: Order) -> Check:
    """Whether the request that `order` takes back is gone.

    Raises:
        SentinelError: the cluster could not be read.
    """
    (call,) = order.calls
    try:
        found = await cluster.get(call.path)
    except NotFound:
        if call.method == _DELETE:
            return Check(met=True, words=f"{_kind_of(call.path).kind} {order.handle}, taken up by nobody, is deleted")
        return Check(met=False, words=f"node {order.target.node or order.target.name} is gone", hopeless=True)
    if call.method == _DELETE:
        return Check(met=False, words=_stands(_kind_of(call.path).kind, order, "it was deleted and is still there"))
    back = _annotation(found) != order.arguments[_WITHDRAWS]
    return Check(met=back, words="the request was taken back" if back else "the request still stands on the node")


async def _deletion(cluster: ClusterReader, order: Order, kind: Kind) -> Order | None:
    """The order that deletes the resource of `order` as it is now; whoever has taken it up may still act on it."""
    path = f"{order.calls[0].path}/{order.handle}"
    try:
        found = await cluster.get(path)
    except NotFound:
        return None
    state = _progress(found, kind)
    if state.met or state.hopeless:
        return None
    if status(found) or metadata(found).get("finalizers"):
        raise Refused(_stands(kind.kind, order, f"{state.words}: somebody has taken it up"))
    version = {name: text(metadata(found).get(name)) for name in ("uid", "resourceVersion")}
    options: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": dict(version)}
    arguments: JsonObject = {**order.arguments, _WITHDRAWS: path}
    return replace(order, arguments=arguments, calls=(ApiCall(_DELETE, path, options),))


def _stands(kind: str, order: Order, why: str) -> str:
    return f"{kind} {order.handle} still stands and may yet be carried out ({why}); to stop it, delete it"


def _kind_of(path: str) -> Kind:
    return GPU_RESET if f"/{GPU_RESET.plural}/" in path else NODE_REBOOT


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


def _patch(node: str, words: str | None, handle: str | None) -> ApiCall:
    body: JsonObject = {"metadata": {"annotations": {MAINTENANCE_REQUEST: words, MAINTENANCE_ASKED: handle}}}
    return ApiCall("PATCH", asking.node_path(node), body, asking.MERGE_PATCH)


def _asked_for(order: Order) -> str:
    """The annotation that the order puts on the node."""
    body = mapping(order.calls[0].body)
    return text(mapping(metadata(body).get("annotations")).get(MAINTENANCE_REQUEST))


def _annotation(node: KubeObject) -> str:
    return strings(metadata(node).get("annotations")).get(MAINTENANCE_REQUEST, "")


def _was_asked(order: Order) -> Done:
    """Whether the node tells that this very request was made, though the controller may have taken it away since."""
    return lambda found: strings(metadata(dict(found)).get("annotations")).get(MAINTENANCE_ASKED) == order.handle


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


def _must_bear(order: Order) -> Unless:
    def objection(found: JsonObject) -> str:
        return "" if _annotation(dict(found)) == order.arguments[_WITHDRAWS] else "the request is not there any more"

    return objection


def _annotation_taken(order: Order, node: KubeObject) -> Check:
    if _annotation(node) == _asked_for(order):
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


def _is_bad(state: str, watched: tuple[str, ...]) -> bool:
    """Whether ``type=status`` is trouble, by the polarity that the watcher goes by; Unknown is none that can go."""
    kind, _, status_ = state.rpartition("=")
    return state_of(kind, status_, watched) == "problem"
