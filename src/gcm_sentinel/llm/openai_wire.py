"""What both wires of OpenAI's SDK share: the server's dialect, functions as tools, and the ends of an answer.

Pure: no network, no SDK. The wires themselves are in openai_chat_wire.py and openai_responses_wire.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, ToolCall, ToolSpec, Transcript
from gcm_sentinel.llm.strict import Strictness
from gcm_sentinel.llm.tool_calls import distinct, without_filler

NO_USAGE = "openai: the server reports no token usage, so tokens and cost are not counted"
WITHHELD = "The provider's filter withheld the answer."


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the server understands; starts from its address and is learned from its refusals."""

    max_tokens_name: str
    """``max_completion_tokens`` (OpenAI, Azure) or ``max_tokens`` (most others)."""
    strictness: Strictness
    usage_option: bool = True
    """Whether to ask for usage at the end of a stream."""
    encrypted_reasoning: bool = True
    """Whether to ask for reasoning that can be sent back (Responses)."""
    renamed: bool = False
    """`max_tokens_name` was changed once; a server that refuses both names means something else."""

    @classmethod
    def of(cls, base_url: str) -> Dialect:
        """The dialect of the server at `base_url`."""
        official = any(host in base_url for host in ("api.openai.com", ".azure.com"))
        if official:
            return cls("max_completion_tokens", Strictness.ALL)
        return cls("max_tokens", Strictness.NONE)

    def after(self, refusal: str) -> Dialect:
        """A dialect without what the refusal complains about; the same one when it names nothing we can change."""
        if "stream_options" in refusal or "include_usage" in refusal:
            return replace(self, usage_option=False)
        if "encrypted" in refusal.lower():
            return replace(self, encrypted_reasoning=False)
        if self.max_tokens_name in refusal and not self.renamed:
            other = "max_tokens" if self.max_tokens_name == "max_completion_tokens" else "max_completion_tokens"
            return replace(self, max_tokens_name=other, renamed=True)
        return replace(self, strictness=self.strictness.after(refusal))


def function(spec: ToolSpec, strict: Mapping[str, JsonObject]) -> dict[str, Json]:
    """A tool as a function, strict where `strict` holds its schema."""
    named: dict[str, Json] = {"name": spec.name, "description": spec.description}
    if spec.name in strict:
        return {**named, "parameters": strict[spec.name], "strict": True}
    return {**named, "parameters": spec.parameters}


def finished(calls: Sequence[ToolCall], transcript: Transcript, tools: Sequence[ToolSpec]) -> tuple[ToolCall, ...]:
    """Calls as the loop takes them: filler nulls gone, ids of their own."""
    return distinct([without_filler(call, tools) for call in calls], transcript)


def stop_reason(*, refused: bool, cut: bool, calls: bool) -> StopReason:
    """Why the turn ended, whatever the server calls it."""
    if refused:
        return StopReason.REFUSAL
    if cut:
        return StopReason.MAX_TOKENS
    return StopReason.TOOL_USE if calls else StopReason.END


def count(counts: Mapping[str, Any], key: str) -> int:
    """A counter, 0 when the server did not send it."""
    value = counts.get(key)
    return value if isinstance(value, int) else 0


def usage_note(usage: object, transcript: Transcript) -> tuple[str, ...]:
    """Said once per investigation, so that a cost of nothing is not believed."""
    said = any(NO_USAGE in entry.notes for entry in transcript.entries if isinstance(entry, ModelTurn))
    return () if usage or said else (NO_USAGE,)
