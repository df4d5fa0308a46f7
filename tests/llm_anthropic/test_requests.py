"""What is sent to Anthropic: where caches begin, which tools are strict, what of earlier turns goes back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gcm_sentinel.domain.transcript import ModelTurn, Nudge, StopReason, ToolCall, ToolReplies, ToolReply
from gcm_sentinel.llm.anthropic import AnthropicModel

CACHE = {"type": "ephemeral"}


def body(route, number=-1):
    return json.loads(route.calls[number].request.content)


def replies(turn, content="<evidence>"):
    return ToolReplies(tuple(ToolReply(call, content) for call in turn.tool_calls))


def marked(messages):
    """The places (message, block) that carry a cache breakpoint."""
    return [
        (place, block)
        for place, message in enumerate(messages)
        for block, item in enumerate(message["content"])
        if "cache_control" in item
    ]


async def test_a_turn_is_streamed_with_system_tools_and_brief(served, answer, model, transcript, tools):
    route = served(answer(("text", "ok"), stop="end_turn"))

    await model.turn(transcript, tools)

    sent = body(route)
    assert (sent["model"], sent["max_tokens"], sent["stream"]) == ("claude-sonnet-5-5", 8192, True)
    assert sent["system"] == [{"type": "text", "text": "You investigate.", "cache_control": CACHE}]
    assert [tool["name"] for tool in sent["tools"]] == [tool.name for tool in tools]
    assert sent["messages"][0]["content"][0]["text"] == "Incident inc-1 on gpu-7."
    assert not {"temperature", "top_p", "top_k"} & set(sent)


async def test_the_key_travels_as_a_bearer_token_only(served, answer, model, transcript, tools):
    route = served(answer(("text", "ok"), stop="end_turn"))

    await model.turn(transcript, tools)

    headers = route.calls.last.request.headers
    assert headers["authorization"] == "Bearer sk-ant-canary-0123456789"
    assert headers["anthropic-version"] == "2026-10-21"
    assert "canary" not in route.calls.last.request.content.decode()


async def test_base_url_decides_where_a_turn_goes(served, answer, transcript, tools):
    route = served(answer(("text", "ok"), stop="end_turn"), url="http://proxy.test/anthropic/v1/messages")
    model = AnthropicModel(api_key="k", base_url="http://proxy.test/anthropic")

    await model.turn(transcript, tools)

    assert route.called
    await model.aclose()


async def test_the_vendors_own_variable_for_the_url_is_honoured(monkeypatch, served, answer, transcript, tools):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://elsewhere.test")
    route = served(answer(("text", "ok"), stop="end_turn"), url="http://elsewhere.test/v1/messages")
    model = AnthropicModel(api_key="k")

    await model.turn(transcript, tools)

    assert route.called
    await model.aclose()


async def test_tools_are_strict_where_their_schema_can_be(served, answer, model, transcript, tools):
    route = served(answer(("text", "ok"), stop="end_turn"))

    await model.turn(transcript, tools)

    query, free, verdict = body(route)["tools"]
    assert query["strict"] is True
    assert query["input_schema"]["additionalProperties"] is False
    assert query["input_schema"]["required"] == ["query"]
    assert query["input_schema"]["properties"]["duration_s"] == {
        "type": "integer",
        "description": "window (minimum 1)",
    }
    assert "strict" not in free
    assert verdict["strict"] is True


async def test_breakpoints_stand_on_tools_system_and_the_brief(served, answer, model, transcript, tools):
    route = served(answer(("text", "ok"), stop="end_turn"))

    await model.turn(transcript, tools)

    sent = body(route)
    assert ["cache_control" in tool for tool in sent["tools"]] == [False, False, True]
    assert marked(sent["messages"]) == [(0, 0)]


async def test_breakpoints_move_to_the_last_two_ends_of_a_request(served, answer, model, transcript, tools):
    route = served(answer(("tool", "toolu_1", "a", "{}"), ("tool", "toolu_2", "b", "{}")))

    for _ in range(3):
        turn = await model.turn(transcript, tools)
        transcript = transcript.append(turn).append(replies(turn))
    await model.turn(transcript.append(Nudge("Submit now.")), tools)

    assert [marked(body(route, number)["messages"]) for number in range(4)] == [
        [(0, 0)],
        [(0, 0), (2, 1)],
        [(2, 1), (4, 1)],
        [(4, 1), (7, 0)],
    ]


async def test_each_request_begins_with_the_one_before(served, answer, model, transcript, tools):
    route = served(answer(("text", "look"), ("tool", "toolu_1", "a", '{"node": "gpu-7"}')))

    for _ in range(4):
        turn = await model.turn(transcript, tools)
        transcript = transcript.append(turn).append(replies(turn))

    sent = [body(route, number) for number in range(4)]
    plain = [
        json.loads(json.dumps(item["messages"]).replace(', "cache_control": {"type": "ephemeral"}', ""))
        for item in sent
    ]
    assert all(later[: len(earlier)] == earlier for earlier, later in zip(plain, plain[1:], strict=False))
    assert len({json.dumps([item["system"], item["tools"]]) for item in sent}) == 1


async def test_replies_answer_their_calls_in_one_message(served, answer, model, transcript, tools):
    route = served(answer(("text", "ok"), stop="end_turn"))
    calls = (ToolCall("toolu_1", "a", {"x": 1}), ToolCall("toolu_2", "b", {}))
    turn = ModelTurn("Looking.", calls, StopReason.TOOL_USE, engine="anthropic")
    answers = ToolReplies((ToolReply(calls[0], "E1 ok"), ToolReply(calls[1], "unknown tool", is_error=True)))

    await model.turn(transcript.append(turn).append(answers), tools)

    _, said, given = body(route)["messages"]
    assert said["content"] == [
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": "toolu_1", "name": "a", "input": {"x": 1}},
        {"type": "tool_use", "id": "toolu_2", "name": "b", "input": {}},
    ]
    assert given["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "E1 ok"},
        {
            "type": "tool_result",
            "tool_use_id": "toolu_2",
            "content": "unknown tool",
            "is_error": True,
            "cache_control": CACHE,
        },
    ]


async def test_thinking_goes_back_unchanged_and_in_place(served, answer, model, transcript, tools):
    thought = ("thinking", "The GPU left the bus first.", "c2lnbmF0dXJl")
    route = served(answer(thought, ("text", "Look."), ("tool", "toolu_1", "a", '{"x": 1}')))

    turn = await model.turn(transcript, tools)
    await model.turn(transcript.append(turn).append(replies(turn)), tools)

    assert body(route)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "The GPU left the bus first.", "signature": "c2lnbmF0dXJl"},
        {"type": "text", "text": "Look."},
        {"type": "tool_use", "id": "toolu_1", "name": "a", "input": {"x": 1}},
    ]


async def test_thinking_of_another_model_or_engine_stays_behind(served, answer, model, transcript, tools):
    route = served(answer(("thinking", "Hm.", "c2ln"), ("tool", "toolu_1", "a", "{}")))
    other = AnthropicModel(api_key="k", model="claude-opus-5-5")

    turn = await model.turn(transcript, tools)
    await other.turn(transcript.append(turn).append(replies(turn)), tools)
    foreign = replace(turn, engine="openai", opaque={"wire": "responses:gpt", "items": [{"type": "reasoning"}]})
    await model.turn(transcript.append(foreign).append(replies(turn)), tools)

    for number in (1, 2):
        assert [block["type"] for block in body(route, number)["messages"][1]["content"]] == ["tool_use"]
    await other.aclose()


async def test_thinking_cut_off_before_its_signature_is_not_sent_back(served, answer, model, transcript, tools):
    cut = answer(("thinking", "The GPU", ""), stop="max_tokens")
    route = served(cut, answer(("text", "ok"), stop="end_turn"))

    turn = await model.turn(transcript, tools)
    await model.turn(transcript.append(turn).append(Nudge("Go on.")), tools)

    assert body(route)["messages"][1]["content"] == [{"type": "text", "text": "(nothing)"}]


@pytest.mark.parametrize("call_id", ["call|1", "ä", "x" * 64, ""])
async def test_an_id_of_another_engine_is_made_to_fit(call_id, served, answer, model, transcript, tools):
    route = served(answer(("text", "ok"), stop="end_turn"))
    turn = ModelTurn("", (ToolCall(call_id, "a", {}),), StopReason.TOOL_USE, engine="playbook")

    await model.turn(transcript.append(turn).append(replies(turn)), tools)

    _, said, given = body(route)["messages"]
    assert said["content"][0]["id"] == given["content"][0]["tool_use_id"] == "call_0_0"


async def test_a_call_that_was_never_answered_is_closed(served, answer, model, transcript, tools):
    route = served(answer(("text", "ok"), stop="end_turn"))
    turn = ModelTurn("", (ToolCall("toolu_1", "a", {}),), StopReason.MAX_TOKENS, engine="anthropic")

    await model.turn(transcript.append(turn).append(Nudge("Go on.")), tools)

    result, nudge = body(route)["messages"][2]["content"]
    assert result["tool_use_id"] == "toolu_1"
    assert result["is_error"] is True
    assert nudge["text"] == "Go on."
