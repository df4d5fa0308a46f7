"""The controller that gives nodes the taint of a cordon, as kube-controller-manager does within a second: here at once.

Whoever cordons sets `spec.unschedulable` only; that no pod is scheduled there is this taint's doing, and it goes with
the cordon. The list of taints is one value, so from then on the controller manager is the list's last writer.
"""

from __future__ import annotations

from sentinel_fleet.kube.history import Change
from sentinel_fleet.kube.jsontypes import JsonObject, dig, objects
from sentinel_fleet.kube.store import ObjectStore

MANAGER = "kube-controller-manager"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_EFFECT = "NoSchedule"


def keep_cordon_taints(store: ObjectStore) -> None:
    """Keep the taint of every node in step with its cordon from now on."""
    for node in store.list("nodes"):
        _settle(store, node)

    def settle(plural: str, change: Change) -> None:
        if plural == "nodes" and change.type != "DELETED":
            _settle(store, change.record.obj)

    store.listen(settle)


def _settle(store: ObjectStore, node: JsonObject) -> None:
    taints = list(objects(dig(node, "spec", "taints")))
    others = [taint for taint in taints if not _is_of_cordon(taint)]
    cordoned = dig(node, "spec", "unschedulable") is True
    if cordoned == (len(others) < len(taints)):
        return
    ours = [{"key": UNSCHEDULABLE, "effect": _EFFECT, "timeAdded": store.now()}] if cordoned else []
    spec = {key: value for key, value in node["spec"].items() if key != "taints"}
    wanted = others + ours
    store.put({**node, "spec": {**spec, "taints": wanted} if wanted else spec}, manager=MANAGER)


def _is_of_cordon(taint: JsonObject) -> bool:
    return (taint.get("key"), taint.get("effect")) == (UNSCHEDULABLE, _EFFECT)
