"""Chat Completions, the wire every compatible server speaks, each with gaps of its own.

Pure: no network, no SDK. The reader is lenient where leniency loses nothing: calls count although the server says
"stop", ids and usage may be missing, an index may be repeated. A stream without a finish reason is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.transcript import ModelTurn, ToolSpec, Transcript, Usage
from gcm_sentinel.llm.openai_wire import WITHHELD, Dialect, count, finished, function, stop_reason, usage_note
from gcm_sentinel.llm.rendering import chat_messages
from gcm_sentinel.llm.strict import NO_LIMITS, strict_schemas
from gcm_sentinel.llm.tool_calls import tool_call


def chat_body(
    transcript: Transcript, tools: Sequence[ToolSpec], *, model: str, max_tokens: int, dialect: Dialect
) -> dict[str, Any]:
    """The arguments of `chat.completions.create`."""
    strict = strict_schemas(tools, dialect.strictness, NO_LIMITS, all_required=True)
    body: dict[str, Any] = {
        "model": model,
        "messages": chat_messages(transcript),
        dialect.max_tokens_name: max_tokens,
    }
    if tools:
        body["tools"] = [{"type": "function", "function": function(spec, strict)} for spec in tools]
    if dialect.usage_option:
        body["stream_options"] = {"include_usage": True}
    return body


class ChatStream:
    """One answer as it arrives. `add` every chunk, then `turn`."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[_ChatCall] = []
        self._finish: str | None = None
        self._usage: Mapping[str, Any] | None = None
        self._model = ""
        self.begun = False
        """Whether anything of an answer arrived."""

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Take in one chunk; usage comes in one without choices."""
        self._model = str(chunk.get("model") or self._model)
        usage = chunk.get("usage")
        if isinstance(usage, Mapping):
            self._usage = usage
        for choice in chunk.get("choices") or ():
            self.begun = True
            if choice.get("index") in (0, None):
                self._choice(choice)

    def _choice(self, choice: Mapping[str, Any]) -> None:
        delta = choice.get("delta") or {}
        self._text.append(str(delta.get("content") or ""))
        self._refusal.append(str(delta.get("refusal") or ""))
        for part in delta.get("tool_calls") or ():
            self._call(part)
        self._finish = choice.get("finish_reason") or self._finish

    def _call(self, part: Mapping[str, Any]) -> None:
        """Part of a call, joined to the one it continues; some servers give every call the index 0."""
        function = part.get("function") or {}
        call_id, index = str(part.get("id") or ""), part.get("index")
        call = next((call for call in reversed(self._calls) if call.index == index), None)
        if call is None or (call_id and call.id and call_id != call.id):
            call = _ChatCall(index)
            self._calls.append(call)
        call.id = call.id or call_id
        call.name = call.name or str(function.get("name") or "")
        call.arguments.append(str(function.get("arguments") or ""))

    def turn(self, transcript: Transcript, tools: Sequence[ToolSpec], *, model: str, latency_s: float) -> ModelTurn:
        """The whole answer.

        Raises:
            Unreachable: the stream ended before it said why; what arrived may be half a sentence.
        """
        if self._finish is None:
            raise Unreachable("openai: the stream ended before the answer did")
        refusal = "".join(self._refusal)
        refused = bool(refusal) or self._finish == "content_filter"
        calls = () if refused else tuple(tool_call(call.id, call.name, "".join(call.arguments)) for call in self._calls)
        return ModelTurn(
            text=refusal or "".join(self._text) or (WITHHELD if refused else ""),
            tool_calls=finished(calls, transcript, tools),
            stop=stop_reason(refused=refused, cut=self._finish == "length", calls=bool(calls)),
            usage=_chat_usage(self._usage),
            engine="openai",
            model=self._model or model,
            latency_s=latency_s,
            notes=usage_note(self._usage, transcript),
        )


@dataclass(slots=True)
class _ChatCall:
    """A call under construction."""

    index: object
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


def _chat_usage(usage: Mapping[str, Any] | None) -> Usage:
    counts = usage or {}
    details = counts.get("prompt_tokens_details") or {}
    return Usage(
        input_tokens=count(counts, "prompt_tokens"),
        cached_tokens=count(details, "cached_tokens"),
        output_tokens=count(counts, "completion_tokens"),
        cache_write_tokens=count(details, "cache_write_tokens"),
    )
