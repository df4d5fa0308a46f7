"""Everybody who wrote to an object and what they own of it, as `metadata.managedFields` tells. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gcm_sentinel.clients.kubernetes import KubeObject, metadata, parse_time
from gcm_sentinel.clients.kubernetes.objects import mapping, objects, text
from gcm_sentinel.datasources.cluster_reads import OWN_COMPONENT, iso
from gcm_sentinel.domain.summaries import ChangeSummary

_FIELDS_SHOWN = 12
_ENTRIES_SHOWN = 16


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
