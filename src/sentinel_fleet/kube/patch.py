"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386) as pure functions: document in, new document out."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from sentinel_fleet.kube.jsontypes import JsonObject


class BadPatch(ValueError):
    """Raised when a patch is not well-formed."""


class BadDirective(BadPatch):
    """Raised when a strategic merge patch has a `$patch` that there is not."""


class PatchFailed(ValueError):
    """Raised when a well-formed patch does not apply to the object, a failed `test` included."""


def merge_patch(target: Any, patch: object) -> Any:  # noqa: ANN401 - any JSON value
    """The target with the patch laid over it: null deletes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: JsonObject, operations: object) -> JsonObject:
    """The target after all operations, in order.

    Raises:
        BadPatch: the patch is not a list of operations.
        PatchFailed: an operation does not apply.
    """
    if not isinstance(operations, list):
        raise BadPatch("json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp")
    document: Any = deepcopy(target)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise BadPatch("operation is missing its path")
        document = _apply(document, operation)
    if not isinstance(document, dict):
        raise PatchFailed("the patch leaves no object")
    return document


def _apply(document: Any, operation: JsonObject) -> Any:  # noqa: ANN401 - any JSON value
    op, path = operation.get("op"), _pointer(operation["path"])
    if op in ("add", "replace", "test") and "value" not in operation:
        raise BadPatch(f"{op} operation is missing its value")
    if op == "add":
        return _add(document, path, deepcopy(operation["value"]))
    if op == "remove":
        return _remove(document, path)
    if op == "replace":
        return _add(_remove(document, path), path, deepcopy(operation["value"]))
    if op == "test":
        if _get(document, path) != operation["value"]:
            raise PatchFailed(f"testing value {operation['path']} failed: test failed")
        return document
    source = _pointer(str(operation.get("from", "")))
    if op == "copy":
        return _add(document, path, deepcopy(_get(document, source)))
    if op == "move":
        value = _get(document, source)
        return _add(_remove(document, source), path, value)
    raise PatchFailed(f"unexpected kind: {op}")


def _pointer(text: str) -> tuple[str, ...]:
    if text and not text.startswith("/"):
        raise BadPatch(f"not a JSON pointer: {text!r}")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _index(container: Sequence[object], step: str) -> int:
    if not step.isdigit() or int(step) > len(container):
        raise PatchFailed(f"invalid array index {step!r}")
    return int(step)


def _get(document: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON value
    for step in path:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and _index(document, step) < len(document):
            document = document[int(step)]
        else:
            raise PatchFailed(f"doc is missing key: {step}")
    return document


def _add(document: Any, path: Sequence[str], value: object) -> Any:  # noqa: ANN401 - any JSON value
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(parent, last), value)
    else:
        raise PatchFailed(f"doc is missing path: {'/'.join(path)}")
    return document


def _remove(document: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON value
    if not path:
        return None
    _get(document, path)
    parent, last = _get(document, path[:-1]), path[-1]
    del parent[int(last) if isinstance(parent, list) else last]
    return document
