"""Reading plain Kubernetes objects without trusting them: a missing or odd field is empty, never an exception.

For every room that gets objects from `KubernetesClient`. A server may omit any optional field and write `null` for an
empty list, so callers go through these instead of indexing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

KubeObject: TypeAlias = dict[str, Any]
"""An API object as the server sent it; `Any` because its fields depend on kind, version and cluster."""


def mapping(value: object) -> KubeObject:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[KubeObject]:
    """The JSON objects in a JSON list; empty for anything else."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """`value` if it is a string, else the empty string."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int:
    """`value` if it is an integer, else 0; for fields the API omits when they are zero."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def strings(value: object) -> dict[str, str]:
    """The string-to-string entries of a JSON object (labels, annotations)."""
    return {key: entry for key, entry in mapping(value).items() if isinstance(entry, str)}


def metadata(obj: Mapping[str, Any]) -> KubeObject:
    """The object's `metadata`."""
    return mapping(obj.get("metadata"))


def spec(obj: Mapping[str, Any]) -> KubeObject:
    """The object's `spec`."""
    return mapping(obj.get("spec"))


def status(obj: Mapping[str, Any]) -> KubeObject:
    """The object's `status`."""
    return mapping(obj.get("status"))


def conditions(obj: Mapping[str, Any]) -> list[KubeObject]:
    """The object's `status.conditions`."""
    return objects(status(obj).get("conditions"))


def parse_time(value: object) -> datetime | None:
    """A Kubernetes timestamp (`Time` or `MicroTime`) in UTC; None when absent or not one."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
