"""What is sent to OpenAI and to servers like it: which wire, which words, which tools."""

from __future__ import annotations

import json

import pytest

from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.transcript import ModelTurn, Nudge, StopReason, ToolCall, ToolReplies, ToolReply
from gcm_sentinel.llm.openai import OpenAIModel

CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"
VLLM = "http://vllm.test/v1/chat/completions"


@pytest.fixture
def done(chunk):
    """A chat answer that just ends."""
    return [chunk(content="ok"), chunk("stop")]


@pytest.fixture
def asked(transcript):
    """A transcript with one turn of two calls, answered, and a nudge."""
    calls = (ToolCall("call_1", "a", {"node": "gpu-7", "ü": 1}), ToolCall("call_2", "b", {}, malformed='{"x'))
    replies = (ToolReply(calls[0], "E1 ok"), ToolReply(calls[1], "not an object", is_error=True))
    turn = ModelTurn("Looking.", calls, StopReason.TOOL_USE, engine="openai")
    return transcript.append(turn).append(ToolReplies(replies)).append(Nudge("Submit now."))


def body(route, number=-1):
    return json.loads(route.calls[number].request.content)


async def test_openai_itself_is_asked_by_responses_and_stores_nothing(served, response, model, transcript, tools):
    route = served(RESPONSES, response())

    await model.turn(transcript, tools)

    sent = body(route)
    assert (sent["model"], sent["store"], sent["stream"]) == ("gpt-6.1-sol", False, True)
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert sent["max_output_tokens"] == 8192
    assert sent["instructions"] == "You investigate."
    assert sent["input"] == [{"role": "user", "content": "Incident inc-1 on gpu-7."}]
    assert sent["prompt_cache_key"] == "inc-1"
    assert "temperature" not in sent


async def test_a_base_url_is_asked_by_chat_without_a_key(served, done, vllm, transcript, tools):
    route = served(VLLM, done)

    await vllm.turn(transcript, tools)

    sent = body(route)
    assert route.calls.last.request.headers["authorization"] == "Bearer none"
    assert (sent["model"], sent["stream"], sent["max_tokens"]) == ("qwen3-32b", True, 8192)
    assert sent["stream_options"] == {"include_usage": True}
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert [tool["function"]["parameters"] for tool in sent["tools"]] == [tool.parameters for tool in tools]


async def test_the_vendors_own_variable_for_the_url_is_honoured(monkeypatch, served, done, transcript, tools):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://vllm.test/v1")
    route = served(VLLM, done)
    model = OpenAIModel(api_key="k")

    await model.turn(transcript, tools)

    assert route.called
    await model.aclose()


@pytest.mark.parametrize("base_url", [None, "https://mine.openai.azure.com/openai/v1"])
async def test_openai_and_azure_get_strict_tools_in_chat(base_url, served, done, transcript, tools):
    route = served(f"{base_url}/chat/completions" if base_url else CHAT, done)
    model = OpenAIModel(api_key="k", base_url=base_url, api="chat")

    await model.turn(transcript, tools)

    sent = body(route)
    query, free = [tool["function"] for tool in sent["tools"]]
    assert sent["max_completion_tokens"] == 8192
    assert query["strict"] is True
    assert query["parameters"]["required"] == ["query", "duration_s"]
    assert query["parameters"]["additionalProperties"] is False
    assert query["parameters"]["properties"]["duration_s"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert "strict" not in free
    await model.aclose()


async def test_responses_tools_say_whether_they_are_strict(served, response, model, transcript, tools):
    route = served(RESPONSES, response())

    await model.turn(transcript, tools)

    assert [(tool["type"], tool["name"], tool["strict"]) for tool in body(route)["tools"]] == [
        ("function", "query_prometheus", True),
        ("function", "find_nodes", False),
    ]


async def test_earlier_turns_are_rendered_for_chat(served, done, vllm, asked, tools):
    route = served(VLLM, done)

    await vllm.turn(asked, tools)

    said, first, second, nudge = body(route)["messages"][2:]
    assert said["content"] == "Looking."
    assert [call["function"]["arguments"] for call in said["tool_calls"]] == ['{"node":"gpu-7","ü":1}', "{}"]
    assert (first["tool_call_id"], first["content"]) == ("call_1", "E1 ok")
    assert (second["role"], second["tool_call_id"]) == ("tool", "call_2")
    assert nudge == {"role": "user", "content": "Submit now."}


async def test_earlier_turns_are_rendered_for_responses(served, response, model, asked, tools):
    route = served(RESPONSES, response())

    await model.turn(asked, tools)

    kinds = [item.get("type", item.get("role")) for item in body(route)["input"]]
    calls, outputs = ["function_call"] * 2, ["function_call_output"] * 2
    assert kinds == ["user", "assistant", *calls, *outputs, "user"]


async def test_a_turn_of_another_engine_is_text_and_calls(served, response, model, transcript, tools):
    route = served(RESPONSES, response())
    call = ToolCall("toolu_1", "a", {})
    opaque: JsonObject = {
        "wire": "anthropic:claude",
        "content": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}],
    }
    turn = ModelTurn("", (call,), StopReason.TOOL_USE, engine="anthropic", opaque=opaque)

    await model.turn(transcript.append(turn).append(ToolReplies((ToolReply(call, "ok"),))), tools)

    assert [item["type"] for item in body(route)["input"][1:]] == ["function_call", "function_call_output"]


@pytest.fixture
def calling(chunk, call, response, function_call):
    """By wire: an answer that asks for one tool."""
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA=="}
    raw = '{"query": "up"}'
    return {
        "chat": [chunk(tool_calls=[call(0, raw, "call_1", "query_prometheus")]), chunk("tool_calls")],
        "responses": response(reasoning, function_call("call_1", "query_prometheus", raw)),
    }


@pytest.mark.parametrize(("api", "url", "key"), [("chat", CHAT, "messages"), ("responses", RESPONSES, "input")])
async def test_each_request_begins_with_the_one_before(api, url, key, served, calling, transcript, tools):
    route = served(url, calling[api])
    model = OpenAIModel(api_key="k", api=api)

    for _ in range(4):
        turn = await model.turn(transcript, tools)
        transcript = transcript.append(turn).append(ToolReplies((ToolReply(turn.tool_calls[0], "E1 ok"),)))

    sent = [body(route, number)[key] for number in range(4)]
    assert all(later[: len(earlier)] == earlier for earlier, later in zip(sent, sent[1:], strict=False))
    await model.aclose()
