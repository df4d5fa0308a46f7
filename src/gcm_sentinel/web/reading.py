"""Tolerant reading of JSON whose shape is only hoped for: summaries and raw results in a report.

A report must come out of any evidence, also of a third party's data source that fills a summary differently. So each
reader answers "nothing" instead of failing, and what is nothing is left out of drawings, never made up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from gcm_sentinel.domain.jsontypes import Json, JsonObject


def members(value: Json, key: str) -> list[JsonObject]:
    """The objects in the list at `key`."""
    found = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(found, Sequence) or isinstance(found, str):
        return []
    return [item for item in found if isinstance(item, Mapping)]


def values(value: JsonObject, key: str) -> list[Json]:
    """The items of the list at `key`."""
    found = value.get(key)
    return list(found) if isinstance(found, Sequence) and not isinstance(found, str) else []


def child(value: Json, key: str) -> JsonObject:
    """The object at `key`; empty when there is none."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def text(value: JsonObject, key: str) -> str:
    """The string or number at `key` as text; empty when there is neither."""
    found = value.get(key)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return str(found)


def number(value: Json) -> float | None:
    """A finite number from JSON or from Prometheus' text form of one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def moment(value: JsonObject, key: str) -> datetime | None:
    """The ISO-8601 time at `key`, in UTC; a time without a zone is taken as UTC."""
    found = value.get(key)
    if not isinstance(found, str):
        return None
    try:
        parsed = datetime.fromisoformat(found)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
