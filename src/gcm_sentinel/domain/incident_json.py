"""Incidents and triggers as JSON and back: what a transcript, a frozen investigation and a recorded step carry.

The shape follows the values field by field, times as ISO-8601, enums by their value. Fields that came later
(`revision`, `scope`, `nodes`) may be missing and have then the defaults of the value, so that old files still read.
Every `..._from_json` and `read_...` raises `BadConfiguration` with the place that is wrong.
"""

from __future__ import annotations

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.trigger import FaultScope, Incident, Trigger, TriggerStatus


def incident_to_json(incident: Incident) -> JsonObject:
    """One incident with its triggers as plain JSON values."""
    scope = incident.scope
    return {
        "id": incident.id,
        "opened_at": incident.opened_at.isoformat(),
        "triggers": [trigger_to_json(trigger) for trigger in incident.triggers],
        "revision": incident.revision,
        "scope": {"kind": scope.kind, "key": scope.key} if scope else None,
        "nodes": list(incident.nodes),
    }


def incident_from_json(data: object) -> Incident:
    """The incident that `incident_to_json` wrote."""
    return read_incident(JsonReader.of(data, "incident"))


def read_incident(read: JsonReader) -> Incident:
    """The incident under `read`."""
    triggers = tuple(read.each("triggers", read_trigger))
    if not triggers:
        raise BadConfiguration(f"{read.where}.triggers: an incident has at least one trigger")
    return Incident(
        id=read.get("id", str),
        triggers=triggers,
        opened_at=read.moment("opened_at"),
        revision=read.get("revision", int) if read.has("revision") else 1,
        scope=_read_scope(read.inside("scope")) if read.has("scope") else None,
        nodes=read.texts("nodes"),
    )


def _read_scope(read: JsonReader) -> FaultScope:
    return FaultScope(kind=read.get("kind", str), key=read.get("key", str))


def trigger_to_json(trigger: Trigger) -> JsonObject:
    """One trigger as plain JSON values."""
    return {
        "source": trigger.source,
        "node": trigger.node,
        "kind": trigger.kind,
        "status": str(trigger.status),
        "reason": trigger.reason,
        "message": trigger.message,
        "observed_at": trigger.observed_at.isoformat(),
        "transition_at": trigger.transition_at.isoformat() if trigger.transition_at else None,
        "node_uid": trigger.node_uid,
        "gpu_uuid": trigger.gpu_uuid,
    }


def trigger_from_json(data: object) -> Trigger:
    """The trigger that `trigger_to_json` wrote."""
    return read_trigger(JsonReader.of(data, "trigger"))


def read_trigger(read: JsonReader) -> Trigger:
    """The trigger under `read`."""
    return Trigger(
        source=read.get("source", str),
        node=read.get("node", str),
        kind=read.get("kind", str),
        status=read.member("status", TriggerStatus),
        reason=read.get("reason", str),
        message=read.get("message", str),
        observed_at=read.moment("observed_at"),
        transition_at=read.moment("transition_at") if read.has("transition_at") else None,
        node_uid=read.optional("node_uid", str),
        gpu_uuid=read.optional("gpu_uuid", str),
    )
