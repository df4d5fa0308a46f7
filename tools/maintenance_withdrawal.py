"""How a request for a reset or a reboot that nobody has taken up is taken back when its time is over.

The annotation is removed, the resource deleted in the very version that was read. Whoever takes a resource up writes
into it (a status, a finalizer), so one that was written into stands. How it is asked for: maintenance.py.
"""

from __future__ import annotations

from dataclasses import replace

from gcm_sentinel.clients.kubernetes import metadata
from gcm_sentinel.clients.kubernetes.objects import status, text
from gcm_sentinel.domain.errors import NotFound, Refused, SentinelError
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.order import ApiCall, Order
from gcm_sentinel.domain.remediation import GONE_ALREADY, Carried, Check, Hands, Unless
from gcm_sentinel.tools import asking
from gcm_sentinel.tools.context import ClusterReader
from gcm_sentinel.tools.maintenance import GPU_RESET, NODE_REBOOT, Kind, annotating, annotation, asked_for, progress

_DELETE = "DELETE"
_WITHDRAWS = "withdraws"


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
        answer = await hands.send(call)
    except SentinelError as error:
        raise Refused(_stands(_kind_of(call.path).kind, order, f"it was not deleted: {error}")) from error
    return Carried(1, facts={GONE_ALREADY: answer.get(GONE_ALREADY) is True})


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
    if annotation(node) != asked_for(order):
        return None
    arguments: JsonObject = {**order.arguments, _WITHDRAWS: asked_for(order)}
    return replace(order, arguments=arguments, calls=(annotating(name, None, None),))


async def withdrawn(cluster: ClusterReader, order: Order, carried: Carried) -> Check:
    """Whether the request that `order` takes back is gone, and by whom as far as `carried` tells.

    Raises:
        SentinelError: the cluster could not be read.
    """
    (call,) = order.calls
    try:
        found = await cluster.get(call.path)
    except NotFound:
        if call.method == _DELETE:
            return Check(met=True, words=f"{_kind_of(call.path).kind} {order.handle}{_how_it_went(carried)}")
        return Check(met=False, words=f"node {order.target.node or order.target.name} is gone", hopeless=True)
    if call.method == _DELETE:
        return Check(met=False, words=_stands(_kind_of(call.path).kind, order, "it was deleted and is still there"))
    back = annotation(found) != order.arguments[_WITHDRAWS]
    return Check(met=back, words="the request was taken back" if back else "the request still stands on the node")


async def _deletion(cluster: ClusterReader, order: Order, kind: Kind) -> Order | None:
    """The order that deletes the resource of `order` as it is now; whoever has taken it up may still act on it."""
    path = f"{order.calls[0].path}/{order.handle}"
    try:
        found = await cluster.get(path)
    except NotFound:
        return None
    state = progress(found, kind)
    if state.met or state.hopeless:
        return None
    if status(found) or metadata(found).get("finalizers"):
        raise Refused(_stands(kind.kind, order, f"{state.words}: somebody has taken it up"))
    version = {name: text(metadata(found).get(name)) for name in ("uid", "resourceVersion")}
    options: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": dict(version)}
    arguments: JsonObject = {**order.arguments, _WITHDRAWS: path}
    return replace(order, arguments=arguments, calls=(ApiCall(_DELETE, path, options),))


def _how_it_went(carried: Carried) -> str:
    if carried.facts.get(GONE_ALREADY):
        return " was gone already when it was to be deleted: by somebody else, or by us if an answer was lost"
    return ", taken up by nobody, is deleted"


def _stands(kind: str, order: Order, why: str) -> str:
    return f"{kind} {order.handle} still stands and may yet be carried out ({why}); to stop it, delete it"


def _kind_of(path: str) -> Kind:
    return GPU_RESET if f"/{GPU_RESET.plural}/" in path else NODE_REBOOT


def withdraws(order: Order) -> bool:
    """Whether it takes a request back."""
    return _WITHDRAWS in order.arguments


def _must_bear(order: Order) -> Unless:
    def objection(found: JsonObject) -> str:
        return "" if annotation(dict(found)) == order.arguments[_WITHDRAWS] else "the request is not there any more"

    return objection
