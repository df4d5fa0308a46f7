"""Sets of field paths as server-side apply counts them, and their `fieldsV1` form in managedFields.

A path is a tuple of elements spelt as fieldsV1 spells them: `f:name` for a field, `k:{...}` for an item of a map list,
`v:...` for an item of a set. The rules (what an atomic value owns, when a parent counts as owned) follow
sigs.k8s.io/structured-merge-diff `typed.Compare` and `ToFieldSet`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.schema import FieldRule, is_atomic, rule

Path = tuple[str, ...]
Paths = frozenset[Path]

_MEMBER = "."
_NULL = "null"
"""Stands for a null that is printed, an unset time, which is a value as any other."""
_ALWAYS_PRESENT = frozenset({"metadata", "spec", "status", "template"})
"""Structs that Go serialises even when empty, so that nobody comes to own them by adding their first field."""


@dataclass(slots=True)
class Comparison:
    """What differs between two states of an object."""

    added: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)


def encode(paths: Iterable[Path]) -> JsonObject:
    """The fieldsV1 document of a set of paths."""
    root: JsonObject = {}
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node[_MEMBER] = {}
    return _prune_markers(root)


def _prune_markers(node: JsonObject) -> JsonObject:
    if set(node) == {_MEMBER}:
        return {}
    return {key: _prune_markers(child) for key, child in node.items()}


def decode(fields: JsonObject) -> Paths:
    """The paths of a fieldsV1 document."""
    return frozenset(_decode(fields, ()))


def _decode(node: JsonObject, prefix: Path) -> Iterator[Path]:
    for key, child in node.items():
        if key == _MEMBER:
            yield prefix
        elif child:
            yield from _decode(child, (*prefix, key))
        else:
            yield (*prefix, key)


def describe(path: Path) -> str:
    """A path as conflict messages write it: `.status.conditions[type="Ready"].status`."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            text += f"[{','.join(f'{key}={json.dumps(value)}' for key, value in json.loads(rest).items())}]"
        else:
            text += f"[={rest}]"
    return text


def item_element(item: object, how: FieldRule) -> str:
    """The path element that identifies an item of a map list or set."""
    if how.apply == "set" or not isinstance(item, dict):
        return f"v:{json.dumps(item, separators=(',', ':'))}"
    keys = {key: item.get(key, "TCP" if key == "protocol" else None) for key in sorted(how.keys)}
    return f"k:{json.dumps(keys, separators=(',', ':'))}"


def keyed(value: object, how: FieldRule) -> dict[str, Any]:
    """The items of a map list or set by their path element."""
    return {item_element(item, how): item for item in value} if isinstance(value, list) else {}


def _is_map_list(value: object, how: FieldRule) -> bool:
    return isinstance(value, list) and how.apply in ("map", "set")


def _is_open_object(value: object, how: FieldRule) -> bool:
    return isinstance(value, dict) and how.apply != "atomic" and not is_atomic(how.type)


def paths_of(config: JsonObject, type_: str) -> Paths:
    """The fields an applied configuration claims."""
    return frozenset(_claimed(config, type_, ()))


def _claimed(value: JsonObject, type_: str, prefix: Path) -> Iterator[Path]:
    for key, child in value.items():
        how = rule(type_, key)
        yield from _claimed_value(child, how, (*prefix, f"f:{key}"))


def _claimed_value(value: object, how: FieldRule, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and value and _is_open_object(value, how):
        yield from _claimed(value, how.type, path)
    elif _is_map_list(value, how):
        for element, item in keyed(value, how).items():
            yield (*path, element)
            if isinstance(item, dict) and _is_open_object(item, FieldRule(how.type)):
                yield from _claimed(item, how.type, (*path, element))
    else:
        yield path


def compare(old: JsonObject, new: JsonObject, type_: str) -> Comparison:
    """What a write changed, field by field."""
    result = Comparison()
    _compare_objects(old, new, type_, (), result)
    return result


def _compare_objects(old: JsonObject, new: JsonObject, type_: str, prefix: Path, result: Comparison) -> None:
    for key in old.keys() | new.keys():
        left, right = _given(old, key), _given(new, key)
        if key in _ALWAYS_PRESENT:
            left, right = _present(left, right)
        if left != right or (left is None) != (right is None):
            _compare_values(left, right, rule(type_, key), (*prefix, f"f:{key}"), result)


def _given(obj: JsonObject, key: str) -> object:
    """The value of a field, None only where there is no such field."""
    return _NULL if key in obj and obj[key] is None else obj.get(key)


def _present(left: object, right: object) -> tuple[object, object]:
    return ({} if left is None and isinstance(right, dict) else left), (
        {} if right is None and isinstance(left, dict) else right
    )


def _compare_values(left: Any, right: Any, how: FieldRule, path: Path, result: Comparison) -> None:  # noqa: ANN401 - any JSON value
    some = left or right
    if some and _is_open_object(some, how) and not isinstance(right, (str, int, float, list)):
        _compare_objects(left or {}, right or {}, how.type, path, result)
    elif some and _is_map_list(some, how):
        _compare_items(keyed(left, how), keyed(right, how), how, path, result)
    elif left is not None and right is not None:
        result.modified.add(path)
        return
    if left is None:
        result.added.add(path)
    elif right is None:
        result.removed.add(path)


def _compare_items(old: dict[str, Any], new: dict[str, Any], how: FieldRule, path: Path, result: Comparison) -> None:
    item_rule = FieldRule(how.type)
    for element in old.keys() | new.keys():
        left, right = old.get(element), new.get(element)
        if left != right:
            _compare_values(left, right, item_rule, (*path, element), result)
