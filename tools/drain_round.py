"""One look at a node that is being drained: who keeps it, which pods of the order are still there, and who else is.

A look is a recorded step, so what it sees is a value that can be written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.kubernetes.marks import marks_of
from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.order import Order
from gcm_sentinel.domain.ownership import FIELD_MANAGER, holders
from gcm_sentinel.domain.steps import Codec
from gcm_sentinel.tools import asking, pods
from gcm_sentinel.tools.context import ClusterReader
from gcm_sentinel.tools.leaving import is_own, stay_of


@dataclass(frozen=True, slots=True)
class Standing:
    """A pod that was to leave and is still there."""

    name: str
    terminating: bool
    own: bool
    """Whether it is an agent of ours, which goes last."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found."""

    kept_by: str
    """Somebody else who keeps the node now; empty where nobody does."""
    cordoned: bool
    """By our own hand."""
    left: Mapping[str, Standing] = field(default_factory=dict)
    """By UID."""
    others: tuple[str, ...] = ()
    """Pods that stay although they should not, one line each with the reason."""


async def look_at(cluster: ClusterReader, order: Order, policy: ActingPolicy) -> Seen:
    """The node of `order` and its pods as they are now.

    Raises:
        NotFound: the node is gone.
        SentinelError: it could not be read.
    """
    node = await asking.read_node(cluster, order.target.name)
    return seen(node, await pods.on_node(cluster, order.target.name), order, policy)


def seen(node: KubeObject, there: Iterable[KubeObject], order: Order, policy: ActingPolicy) -> Seen:
    """What a node and its pods, as they were read, say of an order. Pure."""
    marks, listed = marks_of(node), {pods.evicts(call) for call in order.calls}
    left = {
        pods.uid(pod): Standing(pods.full_name(pod), pods.terminating(pod), is_own(pod))
        for pod in there
        if pods.uid(pod) in listed and not pods.finished(pod)
    }
    others = tuple(f"{pods.full_name(pod)}: {why}" for pod in there if (why := _complaint(pod, listed, policy)))
    ours = marks.unschedulable and marks.cordoned_by == FIELD_MANAGER
    return Seen(", ".join(map(str, holders(marks))), ours, left, others)


def _complaint(pod: KubeObject, listed: set[str], policy: ActingPolicy) -> str:
    """Why a pod that the order does not list stays, where it should not."""
    if pods.uid(pod) in listed:
        return ""
    stay = stay_of(pod, policy)
    if stay is None:
        return "it came after the drain was planned, and was not in what was approved"
    return "" if stay.spared else stay.reason


def _to_json(found: Seen) -> Json:
    left: list[JsonObject] = [
        {"uid": uid, "name": pod.name, "terminating": pod.terminating, "own": pod.own}
        for uid, pod in found.left.items()
    ]
    return {"kept_by": found.kept_by, "cordoned": found.cordoned, "left": left, "others": list(found.others)}


def _from_json(data: Json) -> Seen:
    reader = JsonReader.of(data, "seen")
    left = reader.each("left", lambda item: (item.get("uid", str), _standing(item)))
    return Seen(reader.get("kept_by", str), reader.get("cordoned", bool), dict(left), reader.texts("others"))


def _standing(reader: JsonReader) -> Standing:
    return Standing(reader.get("name", str), reader.get("terminating", bool), reader.get("own", bool))


SEEN: Codec[Seen] = Codec(encode=_to_json, decode=_from_json)
