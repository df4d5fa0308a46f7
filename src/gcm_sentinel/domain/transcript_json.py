"""A transcript as JSON and back: what is stored beside an assessment, replayed later and shown on a page.

The shape follows the values field by field, times as ISO-8601, enums by their value; entries carry a ``type``. Reading
is strict about what is missing or of the wrong type and says where; keys it does not know are ignored, so that a file
of a newer minor version still opens. ``format`` changes when an old reader would misread a new file.
"""

from __future__ import annotations

from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.domain.evidence_json import evidence_to_json, read_evidence
from gcm_sentinel.domain.incident_json import incident_to_json, read_incident
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

FORMAT = 1


def transcript_to_json(transcript: Transcript) -> JsonObject:
    """The whole transcript as plain JSON values."""
    return {
        "format": FORMAT,
        "system": transcript.system,
        "incident": incident_to_json(transcript.incident),
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
        incident=read_incident(read.inside("incident")),
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
        "evidence": evidence_to_json(reply.evidence) if reply.evidence else None,
        "is_error": reply.is_error,
    }


def _reply_from_json(read: JsonReader) -> ToolReply:
    return ToolReply(
        call=_call_from_json(read.inside("call")),
        content=read.get("content", str),
        evidence=read_evidence(read.inside("evidence")) if read.has("evidence") else None,
        is_error=read.get("is_error", bool),
    )
