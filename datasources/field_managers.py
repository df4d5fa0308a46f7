"""Who wrote what on an object, as far as `metadata.managedFields` tells. Pure.

Kubernetes keeps, per writer, the set of fields it owns and the time of its last write to any of them: a time here says
"not later than", and a list such as taints has one owner for all its entries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.clients.kubernetes import KubeObject, metadata, parse_time
from gcm_sentinel.clients.kubernetes.objects import mapping, objects, text
from gcm_sentinel.datasources.cluster_reads import OWN_COMPONENT, iso
from gcm_sentinel.domain.summaries import ChangeSummary

_FIELDS_SHOWN = 12
_ENTRIES_SHOWN = 16


@dataclass(frozen=True, slots=True)
class Writer:
    """A field manager and the time of its last write."""

    manager: str
    at: datetime | None


def changes(obj: KubeObject) -> list[ChangeSummary]:
    """The object's writers, latest first, each with the fields it owns; our own writes left out."""
    found = [
        (parse_time(entry.get("time")), entry)
        for entry in objects(metadata(obj).get("managedFields"))
        if text(entry.get("manager")) != OWN_COMPONENT
    ]
    found.sort(key=lambda pair: pair[0].timestamp() if pair[0] else 0.0, reverse=True)
    return [
        ChangeSummary(
            manager=text(entry.get("manager")),
            operation=text(entry.get("operation")),
            at=iso(at),
            subresource=text(entry.get("subresource")),
            fields=_shortened(list(dict.fromkeys(_paths(mapping(entry.get("fieldsV1")))))),
        )
        for at, entry in found[:_ENTRIES_SHOWN]
    ]


def writer_of(obj: KubeObject, *path: str) -> Writer | None:
    """The last writer that owns the field at `path` (``"spec", "unschedulable"``); None when nobody is named."""
    writers = []
    for entry in objects(metadata(obj).get("managedFields")):
        place: object = entry.get("fieldsV1")
        for step in path:
            place = mapping(place).get(f"f:{step}")
        if place is not None:
            writers.append(Writer(text(entry.get("manager")), parse_time(entry.get("time"))))
    return max(writers, key=lambda writer: writer.at.timestamp() if writer.at else 0.0, default=None)


def _paths(fields: KubeObject, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Field paths of a `fieldsV1` tree, no deeper than what names a label, a condition or a resource."""
    for key, below in fields.items():
        if key == ".":
            continue
        kind, _, name = key.partition(":")
        steps = (*above, name) if kind == "f" else (*above[:-1], f"{above[-1] if above else ''}[{_item(name)}]")
        deep_enough = len(steps) >= 3 or (kind != "f" and len(steps) >= 2)
        inside = mapping(below)
        if inside and inside.keys() - {"."} and not deep_enough:
            yield from _paths(inside, steps)
        else:
            yield ".".join(steps)


def _item(key: str) -> str:
    """``Ready`` for the list key ``{"type":"Ready"}``."""
    try:
        parsed = json.loads(key)
    except ValueError:
        return key
    if isinstance(parsed, dict):
        return ",".join(str(value) for value in parsed.values())
    return str(parsed)


def _shortened(fields: list[str]) -> list[str]:
    if len(fields) <= _FIELDS_SHOWN:
        return fields
    return [*fields[:_FIELDS_SHOWN], f"and {len(fields) - _FIELDS_SHOWN} more"]
