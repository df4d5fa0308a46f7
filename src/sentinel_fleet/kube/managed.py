"""managedFields: who owns which field, kept on every write, and server-side apply on top of it.

Pure functions over objects. A plain write (create, update, patch) takes the fields it changed from everybody else;
an apply takes what it claims, and is refused where another manager's value would change, unless forced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Literal

from sentinel_fleet.kube.fieldsets import Comparison, Path, Paths, compare, decode, describe, encode, keyed, paths_of
from sentinel_fleet.kube.jsontypes import JsonObject, dig, objects
from sentinel_fleet.kube.schema import FieldRule, is_atomic, root_type, rule
from sentinel_fleet.kube.status import ApiError, failure

BEFORE_FIRST_APPLY = "before-first-apply"
_UNTRACKED_METADATA = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
)
_UNTRACKED: Paths = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",), *(("f:metadata", f"f:{name}") for name in _UNTRACKED_METADATA)}
)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and through which door."""

    manager: str
    operation: Literal["Update", "Apply"] = "Update"
    api_version: str = "v1"
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of managedFields."""

    writer: Writer
    time: str
    paths: Paths


def read_entries(obj: JsonObject) -> list[Entry]:
    """The entries of an object; an object without any has no known owners."""
    return [
        Entry(
            Writer(
                str(item.get("manager", "")),
                item.get("operation", "Update"),
                str(item.get("apiVersion", "")),
                str(item.get("subresource", "")),
            ),
            str(item.get("time", "")),
            decode(item.get("fieldsV1") or {}),
        )
        for item in objects(dig(obj, "metadata", "managedFields"))
    ]


def _written(entry: Entry) -> JsonObject:
    writer = entry.writer
    line = {
        "manager": writer.manager,
        "operation": writer.operation,
        "apiVersion": writer.api_version,
        "time": entry.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": encode(entry.paths),
    }
    return {**line, "subresource": writer.subresource} if writer.subresource else line


def with_entries(obj: JsonObject, entries: list[Entry]) -> JsonObject:
    """The object with these managedFields; entries that own nothing are dropped."""
    kept = sorted((e for e in entries if e.paths), key=lambda e: (e.writer.operation, e.time, e.writer.manager))
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    if kept:
        metadata["managedFields"] = [_written(entry) for entry in kept]
    return {**obj, "metadata": metadata}


def after_update(old: JsonObject | None, new: JsonObject, writer: Writer, now: str) -> JsonObject:
    """The new object with the ownership a plain write leaves behind; `old` is None for a create."""
    entries = read_entries(old) if old else []
    difference = compare(old or {}, new, root_type(new["kind"]))
    changed = frozenset(difference.added | difference.modified) - _UNTRACKED
    owner = next((e for e in entries if e.writer == writer), Entry(writer, now, frozenset()))
    others = [_losing(e, difference) for e in entries if e.writer != writer]
    mine = replace(owner, paths=(owner.paths - difference.removed) | changed)
    if mine.paths != owner.paths or changed:
        mine = replace(mine, time=now)
    return with_entries(new, [*others, mine])


def _losing(entry: Entry, difference: Comparison) -> Entry:
    return replace(entry, paths=entry.paths - difference.added - difference.modified - difference.removed)


def apply(live: JsonObject | None, config: JsonObject, writer: Writer, now: str, *, force: bool) -> JsonObject:
    """The object a server-side apply leaves behind.

    Raises:
        ApiError: 409 when another manager owns a field whose value would change and `force` is off.
    """
    type_ = root_type(config["kind"])
    entries = _known_owners(live, type_)
    last = next((e.paths for e in entries if _same_applier(e.writer, writer)), frozenset())
    others = [e for e in entries if not _same_applier(e.writer, writer)]
    claimed = paths_of(config, type_) - _UNTRACKED
    merged = _merge_objects(live or {}, config, type_)
    held = set(claimed).union(*(e.paths for e in others))
    dropped = {path for path in last - claimed if not _still_held(path, held)}
    result = _without(merged, dropped, type_)
    difference = compare(live or {}, result, type_)
    conflicts = {e.writer: e.paths & (difference.added | difference.modified) for e in others}
    if not force and any(conflicts.values()):
        raise _conflict_error(conflicts)
    kept = [_losing(e, difference) for e in others]
    return with_entries(result, [*kept, Entry(writer, now, claimed)])


def _same_applier(one: Writer, other: Writer) -> bool:
    return replace(one, api_version="") == replace(other, api_version="")


def _known_owners(live: JsonObject | None, type_: str) -> list[Entry]:
    if live is None:
        return []
    entries = read_entries(live)
    if entries:
        return entries
    everything = frozenset(compare({}, live, type_).added) - _UNTRACKED
    writer = Writer(BEFORE_FIRST_APPLY, api_version=live["apiVersion"])
    return [Entry(writer, live["metadata"].get("creationTimestamp", ""), everything)]


def _still_held(path: Path, held: set[Path]) -> bool:
    return any(other[: len(path)] == path for other in held)


def _conflict_error(conflicts: Mapping[Writer, Paths]) -> ApiError:
    found = sorted((_printed(writer), describe(path)) for writer, paths in conflicts.items() for path in paths)
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": where} for who, where in found
    ]
    if len(found) == 1:
        who, where = found[0]
        message = f"Apply failed with 1 conflict: conflict with {who}: {where}"
    else:
        lines: list[str] = []
        for who in dict.fromkeys(who for who, _ in found):
            lines += [f"conflicts with {who}:", *(f"- {where}" for manager, where in found if manager == who)]
        message = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return failure(409, "Conflict", message, {"causes": causes})


def _printed(writer: Writer) -> str:
    text = json.dumps(writer.manager)
    if writer.subresource:
        text += f' with subresource "{writer.subresource}"'
    return f"{text} using {writer.api_version}" if writer.operation == "Update" else text


def _merge_objects(live: JsonObject, config: JsonObject, type_: str) -> JsonObject:
    merged = dict(live)
    for key, value in config.items():
        merged[key] = _merge_value(merged.get(key), value, rule(type_, key))
    return merged


def _merge_value(live: Any, value: Any, how: FieldRule) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict) and isinstance(live, dict) and how.apply != "atomic" and not is_atomic(how.type):
        return _merge_objects(live, value, how.type)
    if isinstance(value, list) and how.apply in ("map", "set"):
        items = keyed(live, how)
        for element, item in keyed(value, how).items():
            items[element] = _merge_value(items.get(element), item, FieldRule(how.type))
        return list(items.values())
    return deepcopy(value)


def _without(obj: JsonObject, dropped: set[Path], type_: str) -> JsonObject:
    """The object less the dropped paths; objects and lists emptied by it go too."""
    result = dict(obj)
    for key in list(obj):
        how, element = rule(type_, key), f"f:{key}"
        inner = {path[1:] for path in dropped if path[0] == element}
        if not inner:
            continue
        left = None if () in inner else _pruned(obj[key], inner, how)
        if left in (None, {}, []):
            del result[key]
        else:
            result[key] = left
    return result


def _pruned(value: Any, dropped: set[Path], how: FieldRule) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return _without(value, dropped, how.type)
    if not isinstance(value, list):
        return value
    kept = []
    for element, item in keyed(value, how).items():
        inner = {path[1:] for path in dropped if path[0] == element}
        if () not in inner:
            kept.append(_without(item, inner, how.type) if inner else item)
    return kept
