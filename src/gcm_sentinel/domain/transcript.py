"""The transcript of an investigation: what the model was told, said and saw. It only grows.

`Transcript` is a value; the loop makes a longer one each turn. The prefix (system text, tools, incident brief) never
changes, so providers can cache it. Adapters render the entries in their wire form; the playbook engine reads
`ToolReply.evidence.result.summary` directly.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.trigger import Incident


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool as the model sees it."""

    name: str
    description: str
    parameters: JsonObject
    """JSON Schema of the arguments: ``{"type": "object", "properties": …, "required": […]}``."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call the model asks for."""

    id: str
    name: str
    arguments: JsonObject
    malformed: str | None = None
    """The raw text when the arguments were not a JSON object; the call is answered with an error, not run."""


class StopReason(StrEnum):
    """Why a turn ended."""

    TOOL_USE = "tool_use"
    END = "end"
    MAX_TOKENS = "max_tokens"
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one turn."""

    input_tokens: int = 0
    """All prompt tokens, cached ones included."""
    cached_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    """The part of `input_tokens` that was written to the provider's cache, where it is priced apart."""


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """What the model answered."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    stop: StopReason
    usage: Usage = field(default_factory=Usage)
    engine: str = ""
    """The engine that answered (``anthropic``, ``openai``, ``playbook`` ...); a fail-over changes it."""
    model: str = ""
    latency_s: float = 0.0
    opaque: JsonObject | None = None
    """Provider content that must be sent back unchanged (signed thinking blocks); only its own adapter reads it."""
    notes: tuple[str, ...] = ()
    """What the reader of the assessment should know about how this turn came about: a fail-over and its reason."""


@dataclass(frozen=True, slots=True)
class ToolReply:
    """The answer to one tool call: stored evidence, or a refusal or correction in words."""

    call: ToolCall
    content: str
    """What the model is shown: wrapped, redacted and capped by engine/transcript.py."""
    evidence: Evidence | None = None
    """None for answers that are not evidence (unknown tool, malformed call, rejected assessment)."""
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ToolReplies:
    """The answers to all calls of one turn, in call order."""

    replies: tuple[ToolReply, ...]


@dataclass(frozen=True, slots=True)
class Nudge:
    """A word from the loop to the model: submit now, the budget ends, an answer without a tool call."""

    text: str


Entry: TypeAlias = ModelTurn | ToolReplies | Nudge


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole conversation so far."""

    system: str
    incident: Incident
    brief: str
    """The first user message: the incident as text."""
    entries: tuple[Entry, ...] = ()

    def append(self, entry: Entry) -> Transcript:
        """A transcript one entry longer."""
        return replace(self, entries=(*self.entries, entry))

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence gathered so far, in order."""
        return tuple(
            reply.evidence
            for entry in self.entries
            if isinstance(entry, ToolReplies)
            for reply in entry.replies
            if reply.evidence is not None
        )


SUBMIT_TOOL = "submit_assessment"
"""The tool by which every model ends an investigation."""
