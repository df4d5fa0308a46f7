"""The wire of Anthropic's Messages API: what a request holds, and a stream of events read into one `ModelTurn`.

Pure: no network, no SDK. Cache breakpoints (four is the most a request may have): the last tool, the system text, the
end of what the previous request held and the end of this one. The third is there because a lookup only goes back twenty
blocks from a breakpoint, which one turn of parallel calls can exceed
(https://platform.claude.com/docs/en/build-with-claude/prompt-caching); with it no turn pays for history twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, ToolCall, ToolSpec, Transcript, Usage
from gcm_sentinel.llm.rendering import anthropic_messages
from gcm_sentinel.llm.strict import ANTHROPIC_LIMITS, Strictness, strict_schemas
from gcm_sentinel.llm.tool_calls import distinct, tool_call

_CACHE: JsonObject = {"type": "ephemeral"}
_STOPS = {
    "refusal": StopReason.REFUSAL,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_context_window_exceeded": StopReason.MAX_TOKENS,
}
_KEPT_BLOCKS = ("text", "thinking", "redacted_thinking", "tool_use")


def request_body(
    transcript: Transcript, tools: Sequence[ToolSpec], *, model: str, max_tokens: int, strictness: Strictness
) -> dict[str, Any]:
    """The arguments of `messages.create`."""
    return {
        "model": model,
        "max_tokens": max_tokens,
        "system": [{"type": "text", "text": transcript.system, "cache_control": _CACHE}],
        "tools": _tools(tools, strictness),
        "messages": _marked(anthropic_messages(transcript, wire_name(model))),
    }


def wire_name(model: str) -> str:
    """What marks the opaque part of a turn as ours to send back: signatures hold for one model."""
    return f"anthropic:{model}"


def _tools(tools: Sequence[ToolSpec], strictness: Strictness) -> list[JsonObject]:
    strict = strict_schemas(tools, strictness, ANTHROPIC_LIMITS, all_required=False)
    items: list[dict[str, Json]] = []
    for spec in tools:
        item: dict[str, Json] = {"name": spec.name, "description": spec.description}
        if spec.name in strict:
            items.append({**item, "input_schema": strict[spec.name], "strict": True})
        else:
            items.append({**item, "input_schema": spec.parameters})
    if items:
        items[-1]["cache_control"] = _CACHE
    return list(items)


def _marked(messages: Sequence[JsonObject]) -> list[JsonObject]:
    """`messages` with the two moving breakpoints: the end of the previous request, and the end."""
    turns = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    marked = list(messages)
    for place in {turns[-1] - 1 if turns else 0, len(messages) - 1}:
        message = marked[place]
        content = message["content"]
        if message["role"] == "user" and isinstance(content, list):
            marked[place] = {**message, "content": [*content[:-1], {**content[-1], "cache_control": _CACHE}]}
    return marked


class MessageStream:
    """One answer as it arrives. `add` every event, then `turn`."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, list[str]] = {}
        self._usage: dict[str, Any] = {}
        self._stop: str | None = None
        self._explanation = ""
        self._model = ""
        self.begun = False
        """Whether anything of an answer arrived."""

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in one event of the stream; kinds we do not know are skipped."""
        kind = event.get("type")
        if kind == "message_start":
            self.begun = True
            message = event.get("message") or {}
            self._model = str(message.get("model") or "")
            self._count(message.get("usage"))
        elif kind == "content_block_start":
            self._blocks[int(event.get("index") or 0)] = dict(event.get("content_block") or {})
        elif kind == "content_block_delta":
            self._extend(int(event.get("index") or 0), event.get("delta") or {})
        elif kind == "message_delta":
            self._end(event.get("delta") or {})
            self._count(event.get("usage"))

    def _extend(self, index: int, delta: Mapping[str, Any]) -> None:
        block = self._blocks.setdefault(index, {})
        kind = delta.get("type")
        if kind == "text_delta":
            block["text"] = str(block.get("text") or "") + str(delta.get("text") or "")
        elif kind == "thinking_delta":
            block["thinking"] = str(block.get("thinking") or "") + str(delta.get("thinking") or "")
        elif kind == "signature_delta":
            block["signature"] = str(delta.get("signature") or "")
        elif kind == "input_json_delta":
            self._inputs.setdefault(index, []).append(str(delta.get("partial_json") or ""))

    def _end(self, delta: Mapping[str, Any]) -> None:
        self._stop = delta.get("stop_reason") or self._stop
        details = delta.get("stop_details")
        if isinstance(details, Mapping):
            parts = [str(details[key]) for key in ("category", "explanation") if details.get(key)]
            self._explanation = ": ".join(parts)

    def _count(self, usage: object) -> None:
        """Counts of later events are totals and replace earlier ones; those left out stay."""
        if isinstance(usage, Mapping):
            self._usage.update({key: value for key, value in usage.items() if isinstance(value, int)})

    def turn(self, transcript: Transcript, *, model: str, latency_s: float) -> ModelTurn:
        """The whole answer.

        Raises:
            Unreachable: the stream ended before it said why; what arrived may be half a sentence.
        """
        if self._stop is None:
            raise Unreachable("anthropic: the stream ended before the answer did")
        refused = self._stop == "refusal"
        asked = () if refused else tuple(self._call(index) for index in self._indexes("tool_use"))
        calls = distinct(asked, transcript)
        text = "\n\n".join(
            part for index in self._indexes("text") if (part := str(self._blocks[index].get("text") or ""))
        )
        stop = _STOPS.get(self._stop, StopReason.TOOL_USE if calls else StopReason.END)
        if refused and not text:
            text = f"The provider declined to answer ({self._explanation or 'no reason given'})."
        return ModelTurn(
            text=text,
            tool_calls=calls,
            stop=stop,
            usage=self._total(),
            engine="anthropic",
            model=self._model or model,
            latency_s=latency_s,
            opaque=self._opaque(model) if calls == asked and not refused else None,
        )

    def _indexes(self, kind: str) -> list[int]:
        return [index for index in sorted(self._blocks) if self._blocks[index].get("type") == kind]

    def _call(self, index: int) -> ToolCall:
        block = self._blocks[index]
        raw = "".join(self._inputs.get(index, []))
        if not raw and block.get("input"):
            raw = json.dumps(block["input"], ensure_ascii=False)
        return tool_call(str(block.get("id") or ""), str(block.get("name") or ""), raw)

    def _total(self) -> Usage:
        read = self._usage.get("cache_read_input_tokens", 0)
        written = self._usage.get("cache_creation_input_tokens", 0)
        return Usage(
            input_tokens=self._usage.get("input_tokens", 0) + read + written,
            cached_tokens=read,
            output_tokens=self._usage.get("output_tokens", 0),
            cache_write_tokens=written,
        )

    def _opaque(self, model: str) -> JsonObject | None:
        """The content as it must be sent back, in its order; None when there is no thinking in it."""
        content = [block for index in sorted(self._blocks) if (block := self._sendable(index)) is not None]
        if not any(block["type"] in ("thinking", "redacted_thinking") for block in content):
            return None
        return {"wire": wire_name(model), "content": content}

    def _sendable(self, index: int) -> dict[str, Any] | None:
        """One block as the API takes it back: no empty text, no thinking cut off before its signature."""
        block = self._blocks[index]
        kind = block.get("type")
        if kind not in _KEPT_BLOCKS:
            return None
        if kind == "text":
            text = str(block.get("text") or "")
            return {"type": "text", "text": text} if text.strip() else None
        if kind == "thinking" and not block.get("signature"):
            return None
        if kind == "tool_use":
            call = self._call(index)
            return {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
        return block
