"""A stream of Responses events becomes one turn; reasoning comes back to the server as it left it."""

from __future__ import annotations

import json

import pytest

from gcm_sentinel.domain.errors import Overloaded, Rejected, Unreachable
from gcm_sentinel.domain.transcript import StopReason, ToolCall, ToolReplies, ToolReply, Usage

URL = "https://api.openai.com/v1/responses"
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA=="}


async def test_text_calls_and_usage_are_read(served, response, message, function_call, model, transcript, tools):
    served(
        URL, response(message("Hello"), function_call("call_1", "a", '{"x": 1}'), function_call("call_2", "b", "{}"))
    )

    turn = await model.turn(transcript, tools)

    assert turn.text == "Hello"
    assert turn.tool_calls == (ToolCall("call_1", "a", {"x": 1}), ToolCall("call_2", "b", {}))
    assert turn.stop is StopReason.TOOL_USE
    assert turn.usage == Usage(input_tokens=100, cached_tokens=80, output_tokens=9)


async def test_reasoning_goes_back_unchanged_and_in_place(served, response, function_call, model, transcript, tools):
    asked = function_call("call_1", "a", '{"x": 1}')
    route = served(URL, response(REASONING, asked))

    turn = await model.turn(transcript, tools)
    replies = ToolReplies((ToolReply(turn.tool_calls[0], "E1 ok"),))
    await model.turn(transcript.append(turn).append(replies), tools)

    sent = json.loads(route.calls[1].request.content)["input"]
    assert sent[1:] == [REASONING, asked, {"type": "function_call_output", "call_id": "call_1", "output": "E1 ok"}]


async def test_reasoning_cut_off_by_the_token_limit_stays_behind(served, response, model, transcript, tools):
    cut = {**REASONING, "status": "incomplete"}
    served(URL, response(cut, status="incomplete", incomplete_details={"reason": "max_output_tokens"}))

    turn = await model.turn(transcript, tools)

    assert turn.stop is StopReason.MAX_TOKENS
    assert turn.opaque is None


async def test_malformed_arguments_are_kept_as_they_came(served, response, function_call, model, transcript, tools):
    served(URL, response(REASONING, function_call("call_1", "a", '{"x": ')))

    turn = await model.turn(transcript, tools)

    assert turn.tool_calls == (ToolCall("call_1", "a", {}, malformed='{"x": '),)
    assert turn.opaque is None


async def test_a_refusal_is_its_text_and_calls_nothing(
    served, response, message, function_call, model, transcript, tools
):
    served(URL, response(message("I can't help.", "refusal"), function_call("call_1", "a", "{}")))

    turn = await model.turn(transcript, tools)

    assert (turn.stop, turn.text, turn.tool_calls) == (StopReason.REFUSAL, "I can't help.", ())


async def test_a_filtered_answer_is_a_refusal(served, response, model, transcript, tools):
    served(URL, response(status="incomplete", incomplete_details={"reason": "content_filter"}))

    turn = await model.turn(transcript, tools)

    assert turn.stop is StopReason.REFUSAL
    assert "withheld" in turn.text


async def test_a_stream_without_its_closing_event_is_retryable(served, response, message, model, transcript, tools):
    served(URL, response(message("half"))[:-1])

    with pytest.raises(Unreachable, match="ended before the answer did"):
        await model.turn(transcript, tools)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": None}, Overloaded),
        (
            {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "slow down"}}},
            Unreachable,
        ),
        ({"type": "error", "code": "context_length_exceeded", "message": "slow down", "param": None}, Rejected),
    ],
    ids=["error", "failed", "too-long"],
)
async def test_a_failure_told_in_the_stream_is_told_by_its_code(
    event, expected, served, response, model, transcript, tools
):
    served(URL, [response()[0], {**event, "sequence_number": 1}])

    with pytest.raises(expected, match="slow down"):
        await model.turn(transcript, tools)
