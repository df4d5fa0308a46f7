"""OpenAI's Responses API, used without storing anything at the provider: encrypted reasoning travels with us.

Pure: no network, no SDK. Only complete items and the closing event count; deltas are for showing, which nothing here
does. A stream without its closing event is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.transcript import ModelTurn, ToolCall, ToolSpec, Transcript, Usage
from gcm_sentinel.llm.openai_wire import WITHHELD, Dialect, count, finished, function, stop_reason, usage_note
from gcm_sentinel.llm.rendering import responses_items
from gcm_sentinel.llm.strict import NO_LIMITS, strict_schemas
from gcm_sentinel.llm.tool_calls import tool_call


def responses_body(
    transcript: Transcript, tools: Sequence[ToolSpec], *, model: str, max_tokens: int, dialect: Dialect
) -> dict[str, Any]:
    """The arguments of `responses.create`; nothing is stored at the provider, so reasoning travels with us."""
    strict = strict_schemas(tools, dialect.strictness, NO_LIMITS, all_required=True)
    body: dict[str, Any] = {
        "model": model,
        "instructions": transcript.system,
        "input": responses_items(transcript, wire_name(model) if dialect.encrypted_reasoning else ""),
        "tools": [{"type": "function", "strict": False, **function(spec, strict)} for spec in tools],
        "max_output_tokens": max_tokens,
        "store": False,
        "prompt_cache_key": transcript.incident.id,
    }
    if dialect.encrypted_reasoning:
        body["include"] = ["reasoning.encrypted_content"]
    return body


def wire_name(model: str) -> str:
    """What marks the opaque part of a turn as ours to send back."""
    return f"responses:{model}"


class ResponseStream:
    """One answer as it arrives. `add` every event, then `turn`."""

    def __init__(self) -> None:
        self._items: dict[int, dict[str, Any]] = {}
        self._final: Mapping[str, Any] | None = None
        self.begun = False
        """Whether anything of an answer arrived."""
        self.failure: Mapping[str, Any] | None = None
        """What an ``error`` or ``response.failed`` event said."""

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in one event; kinds we do not need are skipped."""
        self.begun = True
        kind = event.get("type")
        if kind == "response.output_item.done":
            self._items[int(event.get("output_index") or 0)] = dict(event.get("item") or {})
        elif kind in ("response.completed", "response.incomplete"):
            self._final = event.get("response") or {}
        elif kind == "response.failed":
            self.failure = (event.get("response") or {}).get("error") or {"message": "the response failed"}
        elif kind == "error":
            self.failure = event

    def turn(self, transcript: Transcript, tools: Sequence[ToolSpec], *, model: str, latency_s: float) -> ModelTurn:
        """The whole answer.

        Raises:
            Unreachable: the stream ended without its closing event.
        """
        if self._final is None:
            raise Unreachable("openai: the stream ended before the answer did")
        items = self._output(self._final)
        refusal = _joined(items, "refusal", "refusal")
        reason = (self._final.get("incomplete_details") or {}).get("reason")
        refused = bool(refusal) or reason == "content_filter"
        asked = () if refused else tuple(_item_call(item) for item in items if item.get("type") == "function_call")
        calls = finished(asked, transcript, tools)
        kept = not refused and [call.id for call in calls] == [call.id for call in asked]
        usage = self._final.get("usage")
        return ModelTurn(
            text=refusal or _joined(items, "output_text", "text") or (WITHHELD if refused else ""),
            tool_calls=calls,
            stop=stop_reason(refused=refused, cut=self._final.get("status") == "incomplete", calls=bool(calls)),
            usage=_responses_usage(usage),
            engine="openai",
            model=str(self._final.get("model") or model),
            latency_s=latency_s,
            opaque=_opaque(items, model) if kept else None,
            notes=usage_note(usage, transcript),
        )

    def _output(self, final: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The items as each was completed; those of the closing event where a server sends no others."""
        if self._items:
            return [self._items[index] for index in sorted(self._items)]
        return [dict(item) for item in final.get("output") or ()]


def _item_call(item: Mapping[str, Any]) -> ToolCall:
    return tool_call(str(item.get("call_id") or ""), str(item.get("name") or ""), str(item.get("arguments") or ""))


def _joined(items: Sequence[Mapping[str, Any]], kind: str, key: str) -> str:
    parts = [
        str(part.get(key) or "")
        for item in items
        if item.get("type") == "message"
        for part in item.get("content") or ()
        if part.get("type") == kind
    ]
    return "\n\n".join(part for part in parts if part)


def _opaque(items: Sequence[Mapping[str, Any]], model: str) -> JsonObject | None:
    """The items to send back, in order; None when there is no reasoning in them that could be carried.

    Items left half done by a token limit are not taken back, and a malformed call has no arguments a server accepts.
    """
    carried = any(item.get("type") == "reasoning" and item.get("encrypted_content") for item in items)
    whole = all(item.get("status") in (None, "completed") for item in items)
    sound = all(_item_call(item).malformed is None for item in items if item.get("type") == "function_call")
    if not (carried and whole and sound):
        return None
    return {"wire": wire_name(model), "items": [dict(item) for item in items]}


def _responses_usage(usage: Mapping[str, Any] | None) -> Usage:
    counts = usage or {}
    details = counts.get("input_tokens_details") or {}
    return Usage(
        input_tokens=count(counts, "input_tokens"),
        cached_tokens=count(details, "cached_tokens"),
        output_tokens=count(counts, "output_tokens"),
        cache_write_tokens=count(details, "cache_write_tokens"),
    )
