"""Tying a request to the very object, in the very version, that was read before it is sent. Pure.

A merge patch bears UID and version in its metadata. A JSON patch tests the UID and writes the version that was read,
and the API server answers 409 where it is not the stored one. Its operations on lists mean elements, not places. One
that appends begins the list where there is none, because the API leaves empty lists out and RFC 6902 appends to nothing
that is not there; what is said of an element that is tested first is said of it wherever it stands by now.
"""

from __future__ import annotations

from gcm_sentinel.clients.kubernetes import KubeObject, metadata
from gcm_sentinel.clients.kubernetes.objects import mapping
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.order import CallBody

_END = "-"


def bound(body: CallBody, found: KubeObject) -> CallBody:
    """`body` for this very object in this very version: the API server refuses it for any other."""
    uid, version = metadata(found)["uid"], metadata(found)["resourceVersion"]
    if isinstance(body, list):
        same: JsonObject = {"op": "test", "path": "/metadata/uid", "value": uid}
        unchanged: JsonObject = {"op": "replace", "path": "/metadata/resourceVersion", "value": version}
        return [same, unchanged, *_fitting(body, found)]
    return {**body, "metadata": {**mapping(body.get("metadata")), "uid": uid, "resourceVersion": version}}


def _fitting(body: list[JsonObject], found: KubeObject) -> list[JsonObject]:
    """The operations, aimed at what `found` holds."""
    stands: dict[object, object] = {}
    fitted: list[JsonObject] = []
    for operation in body:
        place, _, last = str(operation["path"]).rpartition("/")
        items = _list_at(found, place)
        if operation["op"] == "test" and items is not None and operation["value"] in items:
            stands[operation["path"]] = f"{place}/{items.index(operation['value'])}"
        if operation["op"] == "add" and last == _END and items is None:
            fitted.append({**operation, "path": place, "value": [operation["value"]]})
        else:
            fitted.append({**operation, "path": str(stands.get(operation["path"], operation["path"]))})
    return fitted


def _list_at(found: KubeObject, pointer: str) -> list[object] | None:
    """The list at a JSON pointer of plain names; None where there is none."""
    *above, last = pointer.split("/")[1:] or [""]
    for step in above:
        found = mapping(found.get(step))
    items = found.get(last)
    return items if isinstance(items, list) else None
