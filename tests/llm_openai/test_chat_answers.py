"""A stream of Chat Completions chunks becomes one turn, whichever server sent it and whatever it left out."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.errors import Overloaded, Rejected, Unreachable
from gcm_sentinel.domain.transcript import StopReason, ToolCall, ToolReplies, ToolReply, Usage
from gcm_sentinel.llm.openai_wire import NO_USAGE

URL = "http://vllm.test/v1/chat/completions"


async def test_text_calls_and_usage_are_read(served, chunk, call, usage_chunk, vllm, transcript, tools):
    served(
        URL,
        [
            chunk(role="assistant", content="Hel"),
            chunk(content="lo"),
            chunk(tool_calls=[call(0, '{"x":', "call_1", "a")]),
            chunk(tool_calls=[call(0, " 1}")]),
            chunk(tool_calls=[call(1, "{}", "call_2", "b")]),
            chunk("tool_calls"),
            usage_chunk,
        ],
    )

    turn = await vllm.turn(transcript, tools)

    assert turn.text == "Hello"
    assert turn.tool_calls == (ToolCall("call_1", "a", {"x": 1}), ToolCall("call_2", "b", {}))
    assert turn.stop is StopReason.TOOL_USE
    assert turn.usage == Usage(input_tokens=100, cached_tokens=80, output_tokens=9)
    assert turn.engine == "openai"
    assert turn.notes == ()


async def test_calls_are_not_lost_when_the_server_says_stop(served, chunk, call, vllm, transcript, tools):
    served(URL, [chunk(tool_calls=[call(0, "{}", "call_1", "a")]), chunk("stop")])

    turn = await vllm.turn(transcript, tools)

    assert turn.stop is StopReason.TOOL_USE
    assert [item.name for item in turn.tool_calls] == ["a"]


async def test_parallel_calls_with_one_index_stay_apart(served, chunk, call, vllm, transcript, tools):
    pieces = [call(0, '{"n": 1}', "call_1", "a"), call(0, '{"n": 2}', "call_2", "a")]
    served(URL, [chunk(tool_calls=pieces[:1]), chunk(tool_calls=pieces[1:]), chunk("tool_calls")])

    turn = await vllm.turn(transcript, tools)

    assert [item.arguments for item in turn.tool_calls] == [{"n": 1}, {"n": 2}]


async def test_missing_and_repeated_ids_are_replaced(served, chunk, call, vllm, transcript, tools):
    served(URL, [chunk(tool_calls=[call(0, "{}", None, "a"), call(1, "{}", "call_1", "b")]), chunk("tool_calls")])

    first = await vllm.turn(transcript, tools)
    replies = ToolReplies(tuple(ToolReply(item, "ok") for item in first.tool_calls))
    second = await vllm.turn(transcript.append(first).append(replies), tools)

    assert [item.id for item in first.tool_calls] == ["call_0_0", "call_1"]
    assert [item.id for item in second.tool_calls] == ["call_2_0", "call_2_1"]


@pytest.mark.parametrize("raw", ['{"node": "gpu', "[1]", "null"])
async def test_malformed_arguments_are_kept_as_they_came(raw, served, chunk, call, vllm, transcript, tools):
    served(URL, [chunk(tool_calls=[call(0, raw, "call_1", "a")]), chunk("tool_calls")])

    turn = await vllm.turn(transcript, tools)

    assert turn.tool_calls == (ToolCall("call_1", "a", {}, malformed=raw),)


@pytest.mark.parametrize(
    ("finish", "expected"),
    [("stop", StopReason.END), ("length", StopReason.MAX_TOKENS), ("content_filter", StopReason.REFUSAL)],
)
async def test_every_finish_reason_is_understood(finish, expected, served, chunk, vllm, transcript, tools):
    served(URL, [chunk(content="so far"), chunk(finish)])

    turn = await vllm.turn(transcript, tools)

    assert turn.stop is expected


async def test_a_refusal_is_its_text_and_calls_nothing(served, chunk, call, vllm, transcript, tools):
    served(URL, [chunk(refusal="I can't "), chunk(refusal="help."), chunk("stop")])

    turn = await vllm.turn(transcript, tools)

    assert (turn.stop, turn.text) == (StopReason.REFUSAL, "I can't help.")


async def test_missing_usage_is_said_once(served, chunk, vllm, transcript, tools):
    served(URL, [chunk(content="ok"), chunk("stop")])

    first = await vllm.turn(transcript, tools)
    second = await vllm.turn(transcript.append(first), tools)

    assert first.usage == Usage()
    assert (first.notes, second.notes) == ((NO_USAGE,), ())


async def test_a_stream_without_a_finish_reason_is_retryable(served, chunk, vllm, transcript, tools):
    served(URL, [chunk(content="half a sen")])

    with pytest.raises(Unreachable, match="ended before the answer did"):
        await vllm.turn(transcript, tools)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"message": "queue is full", "type": "server_error", "code": "rate_limit_exceeded"}, Overloaded),
        ({"message": "context too long", "type": "BadRequestError", "code": 400}, Rejected),
        ({"message": "engine died"}, Unreachable),
    ],
    ids=["code", "number", "unknown"],
)
async def test_an_error_inside_the_stream_is_told_by_its_code(error, expected, served, chunk, vllm, transcript, tools):
    served(URL, [chunk(content="half"), {"error": error}])

    with pytest.raises(expected, match=error["message"]):
        await vllm.turn(transcript, tools)


async def test_nulls_that_stand_for_absent_arguments_are_taken_out(served, chunk, call, vllm, transcript, tools):
    raw = '{"query": "up", "duration_s": null, "other": null}'
    served(URL, [chunk(tool_calls=[call(0, raw, "call_1", "query_prometheus")]), chunk("tool_calls")])

    turn = await vllm.turn(transcript, tools)

    assert turn.tool_calls[0].arguments == {"query": "up", "other": None}
