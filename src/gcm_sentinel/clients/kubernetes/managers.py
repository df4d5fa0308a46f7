"""Who last wrote a field of an object, as far as `metadata.managedFields` tells. Pure.

Kubernetes keeps, per writer, the set of fields it owns and the time of its last write to any of them: a time here says
"not later than", and a list such as taints has one owner for all its entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gcm_sentinel.clients.kubernetes.objects import KubeObject, mapping, metadata, objects, parse_time, text


@dataclass(frozen=True, slots=True)
class Writer:
    """A field manager and the time of its last write."""

    manager: str
    at: datetime | None


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
