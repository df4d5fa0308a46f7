"""Fields that the API prints even when nobody set them: `null` times, which strict client models stumble over.

Go writes a time that is no pointer whatever its `omitempty` says, so every condition of a node or a pod has its two,
and who adds a condition owns them too.
"""

from __future__ import annotations

from sentinel_fleet.kube.events import with_printed_defaults
from sentinel_fleet.kube.jsontypes import JsonObject, objects

_TIMES = {"Node": ("lastHeartbeatTime", "lastTransitionTime"), "Pod": ("lastProbeTime", "lastTransitionTime")}


def with_unset(obj: JsonObject) -> JsonObject:
    """The object with what is printed of it in any case."""
    if obj["kind"] == "Event":
        return with_printed_defaults(obj)
    times, status = _TIMES.get(obj["kind"]), obj.get("status")
    if times is None or not status or "conditions" not in status:
        return obj
    conditions = [{**dict.fromkeys(times), **condition} for condition in objects(status["conditions"])]
    return {**obj, "status": {**status, "conditions": conditions}}
