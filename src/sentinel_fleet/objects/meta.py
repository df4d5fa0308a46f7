"""Metadata parts that every object has: managed fields, owners, timestamps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sentinel_fleet.objects import KubeObject
from sentinel_fleet.times import rfc3339


@lru_cache(maxsize=4096)
def _fields(paths: tuple[tuple[str, ...], ...]) -> KubeObject:
    tree: KubeObject = {}
    for path in paths:
        level = tree
        for step in path:
            level = level.setdefault(step if step[:2] in ("k:", "v:") or step == "." else f"f:{step}", {})
    return tree


def managed(
    manager: str, at: float, paths: Sequence[Sequence[str]], *, subresource: str = "", api_version: str = "v1"
) -> KubeObject:
    """One entry of managedFields: `manager` wrote the fields at these paths."""
    entry: KubeObject = {
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": _fields(tuple(tuple(path) for path in paths)),
        "manager": manager,
        "operation": "Update",
        "time": rfc3339(at),
    }
    if subresource:
        entry["subresource"] = subresource
    return entry


def owner(api_version: str, kind: str, name: str, uid: str) -> KubeObject:
    """A controller's owner reference."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
