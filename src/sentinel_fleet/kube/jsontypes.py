"""What a Kubernetes object is here: a plain JSON dictionary, never changed once it is in the store.

Objects come from clients and scenarios and have no common shape but `metadata`, so their values are `Any` on purpose:
this package is the edge at which they are parsed, and a typed model would refuse what a real API server accepts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

JsonObject: TypeAlias = "dict[str, Any]"


def dig(obj: JsonObject, *path: str) -> Any:  # noqa: ANN401 - the leaf of an untyped document
    """The value under `path`, None where a step is missing or is not an object."""
    value: Any = obj
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def objects(value: object) -> Iterable[JsonObject]:
    """The objects of a list that may be missing or malformed."""
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def condition(obj: JsonObject, type_: str) -> JsonObject | None:
    """The status condition of one type, None when the object has none."""
    return next((c for c in objects(dig(obj, "status", "conditions")) if c.get("type") == type_), None)
