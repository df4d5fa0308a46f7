"""A transcript as the messages of each wire: deterministic, and append-only.

The rendering of a longer transcript begins with the rendering of the shorter one, message for message; that is what
lets providers cache it and is held by a property test. So every entry becomes messages of its own, nothing is merged
into an earlier one, and ids that a wire would refuse are replaced by ones that depend on what stands before only.

Turns of another engine are rendered from their text and calls; their `opaque` part is ignored. A turn's own opaque
part is sent back unchanged. A call without a reply (a turn cut off, a nudge in between) is answered "not run", because
both providers refuse a conversation with an open call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gcm_sentinel.domain.jsontypes import Json, JsonObject
from gcm_sentinel.domain.transcript import Entry, ModelTurn, Nudge, ToolCall, ToolReplies, ToolReply, Transcript

_FITTING_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
"""Anthropic takes these characters only; Chat Completions no more than forty."""

_NOTHING = "(nothing)"
_NOT_RUN = "Not run: the turn was cut off before this call was complete."


@dataclass(frozen=True, slots=True)
class _Answer:
    """A call as the wire names it, and the reply to it."""

    call_id: str
    content: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """One entry with what a wire needs to render it: wire ids of a turn's calls, answers that are due before it."""

    entry: Entry
    call_ids: tuple[str, ...]
    answers: tuple[_Answer, ...]
    stray: tuple[ToolReply, ...]
    """Replies to calls that no turn before them made; shown as text."""


def anthropic_messages(transcript: Transcript, wire: str) -> list[JsonObject]:
    """`messages` of Anthropic's Messages API; `wire` marks the opaque parts that are ours to send back."""
    messages: list[JsonObject] = [_anthropic_user([_text(transcript.brief)])]
    for step in _steps(transcript):
        blocks: list[Json] = [_anthropic_result(answer) for answer in step.answers]
        blocks += [_text(_stray(reply)) for reply in step.stray]
        if isinstance(step.entry, Nudge):
            blocks.append(_text(step.entry.text))
        if blocks:
            messages.append(_anthropic_user(blocks))
        if isinstance(step.entry, ModelTurn):
            messages.append({"role": "assistant", "content": _anthropic_turn(step.entry, step.call_ids, wire)})
    return messages


def chat_messages(transcript: Transcript) -> list[JsonObject]:
    """`messages` of OpenAI's Chat Completions."""
    messages: list[JsonObject] = [
        {"role": "system", "content": transcript.system},
        {"role": "user", "content": transcript.brief},
    ]
    for step in _steps(transcript):
        messages += [{"role": "tool", "tool_call_id": item.call_id, "content": item.content} for item in step.answers]
        messages += [{"role": "user", "content": _stray(reply)} for reply in step.stray]
        if isinstance(step.entry, Nudge):
            messages.append({"role": "user", "content": step.entry.text or _NOTHING})
        elif isinstance(step.entry, ModelTurn):
            messages.append(_chat_turn(step.entry, step.call_ids))
    return messages


def responses_items(transcript: Transcript, wire: str) -> list[JsonObject]:
    """`input` of OpenAI's Responses API; the system text goes in ``instructions``."""
    items: list[JsonObject] = [{"role": "user", "content": transcript.brief}]
    for step in _steps(transcript):
        items += [
            {"type": "function_call_output", "call_id": item.call_id, "output": item.content} for item in step.answers
        ]
        items += [{"role": "user", "content": _stray(reply)} for reply in step.stray]
        if isinstance(step.entry, Nudge):
            items.append({"role": "user", "content": step.entry.text or _NOTHING})
        elif isinstance(step.entry, ModelTurn):
            items += _responses_turn(step.entry, step.call_ids, wire)
    return items


def arguments_text(call: ToolCall) -> str:
    """A call's arguments as the JSON text of the wire; a malformed call has none that a server would take back."""
    return json.dumps(call.arguments, ensure_ascii=False, separators=(",", ":"), default=str)


def _steps(transcript: Transcript) -> Iterator[_Step]:
    used: set[str] = set()
    open_calls: list[tuple[str, ToolCall]] = []
    for place, entry in enumerate(transcript.entries):
        replies = entry.replies if isinstance(entry, ToolReplies) else ()
        answers, stray = _answered(open_calls, replies)
        open_calls = []
        call_ids: tuple[str, ...] = ()
        if isinstance(entry, ModelTurn):
            call_ids = tuple(
                _wire_id(call, f"call_{place}_{number}", used) for number, call in enumerate(entry.tool_calls)
            )
            open_calls = list(zip(call_ids, entry.tool_calls, strict=True))
        yield _Step(entry, call_ids, answers, stray)


def _wire_id(call: ToolCall, own: str, used: set[str]) -> str:
    """The call's id where the wire takes it and it is new; one made from its place otherwise."""
    chosen = call.id if _FITTING_ID.fullmatch(call.id) else own
    while chosen in used:
        chosen = own = f"{own}_"
    used.add(chosen)
    return chosen


def _answered(
    open_calls: Sequence[tuple[str, ToolCall]], replies: Sequence[ToolReply]
) -> tuple[tuple[_Answer, ...], tuple[ToolReply, ...]]:
    """The answers to `open_calls` in call order, each reply used once, and the replies nothing asked for."""
    left = list(replies)
    answers = []
    for call_id, call in open_calls:
        reply = next((reply for reply in left if reply.call.id == call.id), None)
        if reply is None:
            answers.append(_Answer(call_id, _NOT_RUN, is_error=True))
            continue
        left.remove(reply)
        answers.append(_Answer(call_id, reply.content or _NOTHING, reply.is_error))
    return tuple(answers), tuple(left)


def _stray(reply: ToolReply) -> str:
    return f"{reply.call.name}: {reply.content}"


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text if text.strip() else _NOTHING}


def _anthropic_user(blocks: Sequence[Json]) -> JsonObject:
    return {"role": "user", "content": list(blocks)}


def _anthropic_result(answer: _Answer) -> JsonObject:
    block: dict[str, Json] = {"type": "tool_result", "tool_use_id": answer.call_id, "content": answer.content}
    return {**block, "is_error": True} if answer.is_error else block


def _anthropic_turn(turn: ModelTurn, call_ids: Sequence[str], wire: str) -> list[Json]:
    own = _opaque(turn, call_ids, wire, "content")
    if own is not None:
        return own
    blocks: list[Json] = [_text(turn.text)] if turn.text.strip() or not turn.tool_calls else []
    blocks += [
        {"type": "tool_use", "id": call_id, "name": call.name, "input": call.arguments}
        for call_id, call in zip(call_ids, turn.tool_calls, strict=True)
    ]
    return blocks


def _chat_turn(turn: ModelTurn, call_ids: Sequence[str]) -> JsonObject:
    if not turn.tool_calls:
        return {"role": "assistant", "content": turn.text or _NOTHING}
    calls: list[Json] = [
        {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": arguments_text(call)}}
        for call_id, call in zip(call_ids, turn.tool_calls, strict=True)
    ]
    return {"role": "assistant", "content": turn.text or None, "tool_calls": calls}


def _responses_turn(turn: ModelTurn, call_ids: Sequence[str], wire: str) -> list[JsonObject]:
    own = _opaque(turn, call_ids, wire, "items")
    if own is not None:
        return [item for item in own if isinstance(item, dict)]
    items: list[JsonObject] = []
    if turn.text or not turn.tool_calls:
        items.append({"role": "assistant", "content": turn.text or _NOTHING})
    items += [
        {"type": "function_call", "call_id": call_id, "name": call.name, "arguments": arguments_text(call)}
        for call_id, call in zip(call_ids, turn.tool_calls, strict=True)
    ]
    return items


def _opaque(turn: ModelTurn, call_ids: Sequence[str], wire: str, key: str) -> list[Json] | None:
    """The turn's own provider content; None for a foreign turn or when its ids could not be kept."""
    if turn.opaque is None or turn.opaque.get("wire") != wire:
        return None
    if [call.id for call in turn.tool_calls] != list(call_ids):
        return None
    content = turn.opaque.get(key)
    return list(content) if isinstance(content, list) and content else None
