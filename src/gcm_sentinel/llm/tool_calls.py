"""Tool calls as providers send them: argument text parsed without guessing, ids made distinct.

Nothing here repairs an answer. Arguments that are not a JSON object are kept as they came (`ToolCall.malformed`), so
that the loop can return them to the model in words; a missing or repeated id is replaced, because replies are matched
by it and some compatible servers send none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.transcript import ModelTurn, ToolCall, ToolSpec, Transcript


def tool_call(call_id: str, name: str, raw: str) -> ToolCall:
    """A call from the argument text of the wire; empty text is a call without arguments."""
    if not raw.strip():
        return ToolCall(call_id, name, {})
    try:
        arguments = json.loads(raw, parse_constant=_refuse_constant)
        json.dumps(arguments, ensure_ascii=False).encode()  # half a surrogate pair can be neither sent nor stored
    except (ValueError, RecursionError):
        return ToolCall(call_id, name, {}, malformed=raw)
    if not isinstance(arguments, dict):
        return ToolCall(call_id, name, {}, malformed=raw)
    return ToolCall(call_id, name, arguments)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def distinct(calls: Sequence[ToolCall], transcript: Transcript) -> tuple[ToolCall, ...]:
    """`calls` with an id of its own for each one, also among the calls of earlier turns."""
    used = {call.id for entry in transcript.entries if isinstance(entry, ModelTurn) for call in entry.tool_calls}
    named: list[ToolCall] = []
    for place, call in enumerate(calls):
        call_id = call.id
        if not call_id or call_id in used:
            call_id = f"call_{len(transcript.entries)}_{place}"
        used.add(call_id)
        named.append(call if call_id == call.id else replace(call, id=call_id))
    return tuple(named)


def without_filler(call: ToolCall, tools: Sequence[ToolSpec]) -> ToolCall:
    """`call` without the nulls that stand for optional arguments left out.

    Strict schemas of OpenAI make every property required and optional ones nullable (see llm/strict.py); a data source
    expects an absent argument instead.
    """
    schema = next((spec.parameters for spec in tools if spec.name == call.name), None)
    if schema is None or call.malformed is not None:
        return call
    return replace(call, arguments=_pruned_object(call.arguments, schema))


def _pruned_object(value: JsonObject, schema: JsonObject) -> JsonObject:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, Mapping):
        return value
    needed = required if isinstance(required, Sequence) else ()
    return {
        key: _pruned(item, properties.get(key))
        for key, item in value.items()
        if item is not None or key in needed or key not in properties
    }


def _pruned(value: Json, schema: Json) -> Json:
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, Mapping):
        return _pruned_object(value, schema)
    if isinstance(value, list):
        return [_pruned(item, schema.get("items")) for item in value]
    return value
