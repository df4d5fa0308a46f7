"""Strategic merge patch: a merge patch that knows which lists are maps (`schema`) and obeys `$patch` directives.

Understood: `$patch: replace|delete|merge` in objects and list items, `$retainKeys`,
`$deleteFromPrimitiveList/<field>` and `$setElementOrder/<field>`.
"""

from __future__ import annotations

from typing import Any

from sentinel_fleet.kube.decoding import go_value
from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.patch import BadDirective, BadPatch
from sentinel_fleet.kube.schema import FieldRule, rule

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def strategic_patch(target: JsonObject, patch: JsonObject, type_: str) -> JsonObject:
    """The target with the patch laid over it by the rules of its type.

    Raises:
        BadPatch: a list item lacks its merge key, or a directive is malformed.
    """
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        replacement: JsonObject = _without_directives(patch)
        return replacement
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise BadDirective(f"unknown patch type: {directive} in map: {go_value(patch)}")
    merged = _retained(target, patch)
    for key, value in patch.items():
        if key.startswith(_DELETE_PRIMITIVES):
            _delete_primitives(merged, key.removeprefix(_DELETE_PRIMITIVES), value)
        elif not key.startswith("$"):
            _merge_field(merged, key, value, rule(type_, key))
    for key, value in patch.items():
        if key.startswith(_ORDER):
            field = key.removeprefix(_ORDER)
            _reorder(merged, field, value, rule(type_, field))
    return merged


def _retained(target: JsonObject, patch: JsonObject) -> JsonObject:
    keep = patch.get(_RETAIN)
    if keep is not None and not isinstance(keep, list):
        raise BadPatch(f"{_RETAIN} is not a list")
    return {key: value for key, value in target.items() if keep is None or key in keep}


def _merge_field(merged: JsonObject, key: str, value: object, field: FieldRule) -> None:
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        current = merged.get(key)
        patched = strategic_patch(current if isinstance(current, dict) else {}, value, field.type)
        if value.get(_DIRECTIVE) == "delete":
            merged.pop(key, None)
        else:
            merged[key] = patched
    elif isinstance(value, list) and field.patch_merge:
        merged[key] = _merge_list(list(merged.get(key) or ()), value, field)
    else:
        merged[key] = value


def _merge_list(current: list[Any], patch: list[Any], field: FieldRule) -> list[Any]:
    if not field.patch_key:
        return current + [value for value in patch if value not in current]
    if any(isinstance(item, dict) and item == {_DIRECTIVE: "replace"} for item in patch):
        return [_without_directives(item) for item in patch if item != {_DIRECTIVE: "replace"}]
    for item in patch:
        if not isinstance(item, dict) or field.patch_key not in item:
            raise BadPatch(f"map: {item} does not contain declared merge key: {field.patch_key}")
        _merge_item(current, item, field)
    return current


def _merge_item(current: list[Any], item: JsonObject, field: FieldRule) -> None:
    wanted = item[field.patch_key]
    at = next((i for i, old in enumerate(current) if old.get(field.patch_key) == wanted), None)
    if item.get(_DIRECTIVE) == "delete":
        current[:] = [old for old in current if old.get(field.patch_key) != wanted]
    elif at is None:
        current.append(strategic_patch({}, item, field.type))
    else:
        current[at] = strategic_patch(current[at], item, field.type)


def _delete_primitives(merged: JsonObject, field: str, values: object) -> None:
    if not isinstance(values, list):
        raise BadPatch(f"{_DELETE_PRIMITIVES}{field} is not a list")
    if isinstance(merged.get(field), list):
        merged[field] = [value for value in merged[field] if value not in values]


def _reorder(merged: JsonObject, field: str, order: object, how: FieldRule) -> None:
    """Items named by the order come in that order; items only the server has keep theirs, behind them."""
    if not isinstance(order, list) or not isinstance(merged.get(field), list):
        return
    wanted = [item.get(how.patch_key) if isinstance(item, dict) else item for item in order]

    def rank(item: object) -> int:
        key = item.get(how.patch_key) if isinstance(item, dict) else item
        return wanted.index(key) if key in wanted else len(wanted)

    merged[field] = sorted(merged[field], key=rank)


def _without_directives(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if not k.startswith("$") and v is not None}
        return {key: _without_directives(item) for key, item in kept.items()}
    return [_without_directives(item) for item in value] if isinstance(value, list) else value
