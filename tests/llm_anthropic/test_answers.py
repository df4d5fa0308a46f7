"""A stream of Anthropic's events becomes one turn; what is broken in it is never papered over."""

from __future__ import annotations

import pytest

from gcm_sentinel.domain.errors import BadResponse, Overloaded, Unreachable
from gcm_sentinel.domain.transcript import StopReason, ToolCall, Usage


async def test_parallel_calls_arrive_in_the_order_they_were_made(served, answer, model, transcript, tools):
    served(
        answer(("text", "Hel", "lo"), ("tool", "toolu_1", "a", '{"x": ', "1}"), ("tool", "toolu_2", "b", '{"y": 2}'))
    )

    turn = await model.turn(transcript, tools)

    assert turn.text == "Hello"
    assert turn.tool_calls == (ToolCall("toolu_1", "a", {"x": 1}), ToolCall("toolu_2", "b", {"y": 2}))
    assert turn.stop is StopReason.TOOL_USE
    assert (turn.engine, turn.model) == ("anthropic", "claude-sonnet-5-5-20260901")


async def test_a_call_without_arguments_is_a_call_with_none(served, answer, model, transcript, tools):
    served(answer(("tool", "toolu_1", "list_sources")))

    turn = await model.turn(transcript, tools)

    assert turn.tool_calls == (ToolCall("toolu_1", "list_sources", {}),)


@pytest.mark.parametrize("raw", ['{"node": "gpu', '["gpu-7"]', '"gpu-7"', '{"x": NaN}', "{" * 3000, r'{"x": "\ud83d"}'])
async def test_malformed_input_is_kept_as_it_came(raw, served, answer, model, transcript, tools):
    served(answer(("tool", "toolu_1", "a", raw)))

    turn = await model.turn(transcript, tools)

    assert turn.tool_calls[0].malformed == raw
    assert turn.tool_calls[0].arguments == {}


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        ("end_turn", StopReason.END),
        ("stop_sequence", StopReason.END),
        ("a_reason_of_next_year", StopReason.END),
        ("max_tokens", StopReason.MAX_TOKENS),
        ("model_context_window_exceeded", StopReason.MAX_TOKENS),
        ("refusal", StopReason.REFUSAL),
    ],
)
async def test_every_stop_reason_is_understood(stop, expected, served, answer, model, transcript, tools):
    served(answer(("text", "so far"), stop=stop))

    turn = await model.turn(transcript, tools)

    assert turn.stop is expected
    assert turn.text == "so far"


async def test_calls_count_even_when_the_turn_says_it_ended(served, answer, model, transcript, tools):
    served(answer(("tool", "toolu_1", "a", "{}"), stop="end_turn"))

    turn = await model.turn(transcript, tools)

    assert turn.stop is StopReason.TOOL_USE
    assert [call.name for call in turn.tool_calls] == ["a"]


async def test_a_call_cut_off_by_the_token_limit_is_malformed(served, answer, model, transcript, tools):
    served(answer(("tool", "toolu_1", "submit_assessment", '{"summary": "GPU 3 fell'), stop="max_tokens"))

    turn = await model.turn(transcript, tools)

    assert turn.stop is StopReason.MAX_TOKENS
    assert turn.tool_calls[0].malformed == '{"summary": "GPU 3 fell'


async def test_a_refusal_says_why_and_calls_nothing(served, answer, model, transcript, tools):
    details = {"type": "refusal", "category": "cyber", "explanation": "looks like an exploit"}
    served(answer(("tool", "toolu_1", "a", "{}"), stop="refusal", stop_details=details))

    turn = await model.turn(transcript, tools)

    assert turn.stop is StopReason.REFUSAL
    assert turn.tool_calls == ()
    assert "cyber: looks like an exploit" in turn.text


async def test_usage_counts_cached_and_written_tokens_as_input(served, answer, model, transcript, tools):
    usage = {"input_tokens": 10, "cache_read_input_tokens": 700, "cache_creation_input_tokens": 50}
    served(answer(("text", "ok"), stop="end_turn", usage=usage))

    turn = await model.turn(transcript, tools)

    assert turn.usage == Usage(input_tokens=760, cached_tokens=700, output_tokens=9, cache_write_tokens=50)


async def test_a_stream_that_ends_early_is_retryable(served, answer, model, transcript, tools):
    served(answer(("text", "half a sen"))[:-2])

    with pytest.raises(Unreachable, match="ended before the answer did"):
        await model.turn(transcript, tools)


async def test_a_stream_that_ends_before_it_began_is_retryable(served, model, transcript, tools):
    served([])

    with pytest.raises(Unreachable, match="ended before the answer began"):
        await model.turn(transcript, tools)


async def test_an_error_event_in_the_stream_is_told_by_its_type(served, answer, model, transcript, tools):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    served([*answer(("text", "half"))[:4], error])

    with pytest.raises(Overloaded, match="529"):
        await model.turn(transcript, tools)


async def test_a_web_page_instead_of_a_stream_names_the_setting(served, model, transcript, tools):
    import httpx

    served(httpx.Response(200, content=b"<html>log in</html>", headers={"content-type": "text/html"}))

    with pytest.raises(BadResponse, match="text/html instead of an event stream: check GCM_SENTINEL_LLM_BASE_URL"):
        await model.turn(transcript, tools)
