"""Taints of ours: what may be asked for, how one is found among others, the patches that add and remove it. Pure.

`Node.spec.taints` is one atomic list to the API: server-side apply owns it as a whole, and a merge or strategic patch
replaces it as a whole. Applying ours would either conflict with whoever wrote the list last or, forced, drop everybody
else's taints with the `timeAdded` by which the taint manager counts down evictions. So we do not apply it. A JSON patch
names one element: `add /spec/taints/-` appends on the server, whatever stands there, and `test` with `remove` takes
away exactly what it names or nothing. Both are bound to the version that was read (remediation/binding.py), so the
answer to a foreign change in between is 409 or 422, another look, and never a lost taint. The price: managedFields
tells afterwards that we wrote the list last, so whose a taint is, is told by its key.
"""

from __future__ import annotations

import re

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.kubernetes.objects import objects, spec, text
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.order import ApiCall
from gcm_sentinel.domain.ownership import TAINT_PREFIX
from gcm_sentinel.domain.transcript import ToolCall
from gcm_sentinel.tools import asking

JSON_PATCH = "application/json-patch+json"
EFFECTS = ("NoSchedule", "PreferNoSchedule")
_LIST = "/spec/taints"
_LABEL = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
"""Name part of a label's key, and its value (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)."""

KEY: Json = {"type": "string", "description": f"Key of the taint; begins with {TAINT_PREFIX}."}
VALUE: Json = {"type": "string", "description": "Value of the taint: what is wrong, in one word."}
EFFECT: Json = {"type": "string", "enum": list(EFFECTS), "description": "What it does to pods that do not tolerate it."}


def key(call: ToolCall) -> str:
    """The argument `key`.

    Raises:
        ValueError: it is not one of ours.
    """
    given = asking.argument(call, "key")
    if not given.startswith(TAINT_PREFIX) or not _LABEL.fullmatch(given.removeprefix(TAINT_PREFIX)):
        raise ValueError(f"'key' must begin with {TAINT_PREFIX} and go on as a label's name does, not {given!r}")
    return given


def effect(call: ToolCall) -> str:
    """The argument `effect`.

    Raises:
        ValueError: it is not one that only keeps new pods away.
    """
    given = asking.argument(call, "effect")
    if given == "NoExecute":
        raise ValueError("'effect' NoExecute is refused: it ends running pods past every disruption budget; drain_node")
    if given not in EFFECTS:
        raise ValueError(f"'effect' must be one of {', '.join(EFFECTS)}, not {given!r}")
    return given


def value(call: ToolCall) -> str:
    """The argument `value`.

    Raises:
        ValueError: it is no value of a label.
    """
    given = asking.argument(call, "value")
    if not _LABEL.fullmatch(given):
        raise ValueError(f"'value' must be what a label's value may be, not {given!r}")
    return given


def found(node: KubeObject, wanted: JsonObject) -> tuple[int, KubeObject] | None:
    """Place and taint of the key and effect of `wanted` on a node; None where it carries none."""
    for place, taint in enumerate(objects(spec(node).get("taints"))):
        if text(taint.get("key")) == wanted["key"] and text(taint.get("effect")) == wanted["effect"]:
            return place, taint
    return None


def added(node: str, taint: JsonObject) -> ApiCall:
    """The PATCH that appends `taint`."""
    return ApiCall(
        "PATCH", asking.node_path(node), [{"op": "add", "path": f"{_LIST}/-", "value": dict(taint)}], JSON_PATCH
    )


def removed(node: str, place: int, taint: JsonObject) -> ApiCall:
    """The PATCH that removes `taint`, which stands at `place`."""
    path = f"{_LIST}/{place}"
    operations: list[JsonObject] = [{"op": "test", "path": path, "value": dict(taint)}, {"op": "remove", "path": path}]
    return ApiCall("PATCH", asking.node_path(node), operations, JSON_PATCH)


def words(taint: JsonObject) -> str:
    """As kubectl writes it: ``key=value:effect``."""
    return f"{taint['key']}={taint.get('value', '')}:{taint['effect']}"
