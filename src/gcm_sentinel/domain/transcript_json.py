"""A transcript as JSON and back: what is stored beside an assessment, replayed later and shown on a page.

The shape follows the values field by field, times as ISO-8601, enums by their value; entries carry a ``type``. Reading
is strict about what is missing or of the wrong type and says where; keys it does not know are ignored, so that a file
of a newer minor version still opens. ``format`` changes when an old reader would misread a new file.
"""

from __future__ import annotations

from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.evidence import Evidence, ResultStatus, TimeRange, ToolResult
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.transcript import (
    Entry,
    ModelTurn,
    Nudge,
    StopReason,
    ToolCall,
    ToolReplies,
    ToolReply,
    Transcript,
    Usage,
)
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus

FORMAT = 1


def transcript_to_json(transcript: Transcript) -> JsonObject:
    """The whole transcript as plain JSON values."""
    return {
        "format": FORMAT,
        "system": transcript.system,
        "incident": _incident_to_json(transcript.incident),
        "brief": transcript.brief,
        "entries": [_entry_to_json(entry) for entry in transcript.entries],
    }


def transcript_from_json(data: object) -> Transcript:
    """The transcript that `transcript_to_json` wrote.

    Raises:
        BadConfiguration: not such a file, or one of another format; says at which place.
    """
    read = JsonReader.of(data, "transcript")
    if (found := read.get("format", int)) != FORMAT:
        raise BadConfiguration(f"transcript: format {found} is not known; this version reads format {FORMAT}")
    return Transcript(
        system=read.get("system", str),
        incident=_incident_from_json(read.inside("incident")),
        brief=read.get("brief", str),
        entries=tuple(read.each("entries", _entry_from_json)),
    )


def turn_to_json(turn: ModelTurn) -> JsonObject:
    """One model turn as plain JSON values."""
    return {
        "type": "turn",
        "text": turn.text,
        "tool_calls": [_call_to_json(call) for call in turn.tool_calls],
        "stop": str(turn.stop),
        "usage": {
            "input_tokens": turn.usage.input_tokens,
            "cached_tokens": turn.usage.cached_tokens,
            "output_tokens": turn.usage.output_tokens,
            "cache_write_tokens": turn.usage.cache_write_tokens,
        },
        "engine": turn.engine,
        "model": turn.model,
        "latency_s": turn.latency_s,
        "opaque": turn.opaque,
        "notes": list(turn.notes),
    }


def turn_from_json(data: object) -> ModelTurn:
    """The turn that `turn_to_json` wrote; raises `BadConfiguration` with the place that is wrong."""
    return _turn_from_json(JsonReader.of(data, "turn"))


def _incident_to_json(incident: Incident) -> JsonObject:
    return {
        "id": incident.id,
        "opened_at": incident.opened_at.isoformat(),
        "triggers": [_trigger_to_json(trigger) for trigger in incident.triggers],
    }


def _incident_from_json(read: JsonReader) -> Incident:
    triggers = tuple(read.each("triggers", _trigger_from_json))
    if not triggers:
        raise BadConfiguration(f"{read.where}.triggers: an incident has at least one trigger")
    return Incident(id=read.get("id", str), triggers=triggers, opened_at=read.moment("opened_at"))


def _trigger_to_json(trigger: Trigger) -> JsonObject:
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


def _trigger_from_json(read: JsonReader) -> Trigger:
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


def _entry_to_json(entry: Entry) -> JsonObject:
    if isinstance(entry, ModelTurn):
        return turn_to_json(entry)
    if isinstance(entry, Nudge):
        return {"type": "nudge", "text": entry.text}
    return {"type": "replies", "replies": [_reply_to_json(reply) for reply in entry.replies]}


def _entry_from_json(read: JsonReader) -> Entry:
    kind = read.get("type", str)
    if kind == "turn":
        return _turn_from_json(read)
    if kind == "nudge":
        return Nudge(read.get("text", str))
    if kind == "replies":
        return ToolReplies(tuple(read.each("replies", _reply_from_json)))
    raise BadConfiguration(f"{read.where}.type: {kind!r} is none of turn, nudge, replies")


def _turn_from_json(read: JsonReader) -> ModelTurn:
    usage = read.inside("usage")
    return ModelTurn(
        text=read.get("text", str),
        tool_calls=tuple(read.each("tool_calls", _call_from_json)),
        stop=read.member("stop", StopReason),
        usage=Usage(
            input_tokens=usage.get("input_tokens", int),
            cached_tokens=usage.get("cached_tokens", int),
            output_tokens=usage.get("output_tokens", int),
            cache_write_tokens=usage.optional("cache_write_tokens", int) or 0,
        ),
        engine=read.get("engine", str),
        model=read.get("model", str),
        latency_s=read.number("latency_s"),
        opaque=read.inside("opaque").data if read.has("opaque") else None,
        notes=read.texts("notes"),
    )


def _call_to_json(call: ToolCall) -> JsonObject:
    return {"id": call.id, "name": call.name, "arguments": call.arguments, "malformed": call.malformed}


def _call_from_json(read: JsonReader) -> ToolCall:
    return ToolCall(
        id=read.get("id", str),
        name=read.get("name", str),
        arguments=read.inside("arguments").data,
        malformed=read.optional("malformed", str),
    )


def _reply_to_json(reply: ToolReply) -> JsonObject:
    return {
        "call": _call_to_json(reply.call),
        "content": reply.content,
        "evidence": _evidence_to_json(reply.evidence) if reply.evidence else None,
        "is_error": reply.is_error,
    }


def _reply_from_json(read: JsonReader) -> ToolReply:
    return ToolReply(
        call=_call_from_json(read.inside("call")),
        content=read.get("content", str),
        evidence=_evidence_from_json(read.inside("evidence")) if read.has("evidence") else None,
        is_error=read.get("is_error", bool),
    )


def _evidence_to_json(evidence: Evidence) -> JsonObject:
    return {
        "id": evidence.id,
        "source": evidence.source,
        "tool": evidence.tool,
        "arguments": evidence.arguments,
        "result": _result_to_json(evidence.result),
        "observed_at": evidence.observed_at.isoformat(),
        "digest": evidence.digest,
    }


def _evidence_from_json(read: JsonReader) -> Evidence:
    return Evidence(
        id=read.get("id", str),
        source=read.get("source", str),
        tool=read.get("tool", str),
        arguments=read.inside("arguments").data,
        result=_result_from_json(read.inside("result")),
        observed_at=read.moment("observed_at"),
        digest=read.get("digest", str),
    )


def _result_to_json(result: ToolResult) -> JsonObject:
    span = result.time_range
    return {
        "status": str(result.status),
        "query": result.query,
        "summary": result.summary,
        "raw": result.raw,
        "time_range": {"start": span.start.isoformat(), "end": span.end.isoformat()} if span else None,
        "entities": [_entity_to_json(entity) for entity in result.entities],
        "note": result.note,
    }


def _result_from_json(read: JsonReader) -> ToolResult:
    span = read.inside("time_range") if read.has("time_range") else None
    return ToolResult(
        status=read.member("status", ResultStatus),
        query=read.get("query", str),
        summary=read.inside("summary").data,
        raw=read.get("raw", str),
        time_range=TimeRange(span.moment("start"), span.moment("end")) if span else None,
        entities=tuple(read.each("entities", _entity_from_json)),
        note=read.get("note", str),
    )


def _entity_to_json(entity: Entity) -> JsonObject:
    return {
        "kind": str(entity.kind),
        "name": entity.name,
        "node": entity.node,
        "index": entity.index,
        "uuid": entity.uuid,
        "pci": entity.pci,
    }


def _entity_from_json(read: JsonReader) -> Entity:
    return Entity(
        kind=read.member("kind", EntityKind),
        name=read.get("name", str),
        node=read.optional("node", str),
        index=read.optional("index", int),
        uuid=read.optional("uuid", str),
        pci=read.optional("pci", str),
    )
