"""On every wire a longer transcript begins with exactly what the shorter one was, and no call stays open."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.transcript import ModelTurn, StopReason, ToolCall, ToolReplies, ToolReply, Transcript
from gcm_sentinel.llm.anthropic_wire import request_body
from gcm_sentinel.llm.rendering import anthropic_messages, chat_messages, responses_items
from gcm_sentinel.llm.strict import Strictness

WIRES: dict[str, Callable[[Transcript], list[JsonObject]]] = {
    "anthropic": lambda transcript: anthropic_messages(transcript, "anthropic:m"),
    "chat": chat_messages,
    "responses": lambda transcript: responses_items(transcript, "responses:m"),
}


def sent(messages):
    """Messages as the other side decodes them."""
    return json.loads(json.dumps(messages))


def as_bytes(messages):
    return [json.dumps(message, ensure_ascii=False).encode() for message in messages]


@settings(deadline=None)
@given(data=st.data())
def test_a_longer_transcript_begins_with_the_shorter_one(conversations, entries, data):
    shorter = data.draw(conversations)
    longer = shorter.append(data.draw(entries))

    for name, wire in WIRES.items():
        before, after = as_bytes(wire(shorter)), as_bytes(wire(longer))

        assert (name, after[: len(before)]) == (name, before)
        assert as_bytes(wire(longer)) == after


@settings(deadline=None)
@given(data=st.data())
def test_with_cache_marks_taken_out_requests_to_anthropic_only_grow(conversations, entries, data):
    shorter = data.draw(conversations)
    longer = shorter.append(data.draw(entries))

    def plain(transcript):
        body = request_body(transcript, (), model="m", max_tokens=1, strictness=Strictness.ALL)
        return [
            {**message, "content": [{**block, "cache_control": None} for block in message["content"]]}
            for message in body["messages"]
        ]

    before, after = as_bytes(plain(shorter)), as_bytes(plain(longer))
    assert after[: len(before)] == before


@settings(deadline=None)
@given(data=st.data())
def test_no_request_to_anthropic_has_more_than_four_breakpoints(conversations, data):
    body = request_body(data.draw(conversations), (), model="m", max_tokens=1, strictness=Strictness.ALL)

    assert json.dumps(body).count('"cache_control"') <= 3  # the fourth stands on the last tool


@settings(deadline=None)
@given(data=st.data())
def test_every_call_but_those_of_the_last_turn_is_answered_once(conversations, data):
    messages = sent(chat_messages(data.draw(conversations)))

    asked = [call["id"] for message in messages[:-1] for call in message.get("tool_calls", ())]
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert answered == asked
    assert len(set(asked)) == len(asked)


@settings(deadline=None)
@given(data=st.data())
def test_nothing_that_is_sent_is_empty(conversations, data):
    messages = sent(anthropic_messages(data.draw(conversations), "anthropic:m")[1:])

    texts = [
        block["text"]
        for item in messages
        for block in item["content"]
        if block.get("type") == "text" and "text" in block
    ]
    assert all(message["content"] for message in messages)
    assert all(text.strip() for text in texts)


@settings(deadline=None, max_examples=1)
@given(data=st.data())
def test_ids_that_repeat_from_turn_to_turn_are_told_apart(conversations, data):
    call = ToolCall("call_1", "a", {})
    round_ = (ModelTurn("", (call,), StopReason.TOOL_USE), ToolReplies((ToolReply(call, "ok"),)))
    transcript = replace(data.draw(conversations), entries=(*round_, *round_))

    messages = sent(chat_messages(transcript))[2:]

    first, second = messages[1]["tool_call_id"], messages[3]["tool_call_id"]
    assert first != second
    assert [messages[0]["tool_calls"][0]["id"], messages[2]["tool_calls"][0]["id"]] == [first, second]
