"""Each failure of the provider is one of ours; what a server does not take is left out from then on."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from datetime import timedelta

import httpcore2
import httpx
import httpx2
import openai
import pytest

from gcm_sentinel.domain.errors import (
    BadConfiguration,
    BadResponse,
    Forbidden,
    NotFound,
    Overloaded,
    Rejected,
    SentinelError,
    Unreachable,
)
from gcm_sentinel.llm.endpoint import Endpoint
from gcm_sentinel.llm.failover import FailoverModel
from gcm_sentinel.llm.openai import OpenAIModel
from gcm_sentinel.llm.retry import RetryPolicy
from gcm_sentinel.llm.wire_errors import translate, vendor_failures

RESPONSES = "https://api.openai.com/v1/responses"
VLLM = "http://vllm.test/v1/chat/completions"
QUICK = RetryPolicy(attempts=3, first_wait=timedelta(milliseconds=1), longest_wait=timedelta(milliseconds=2))


@pytest.mark.parametrize(
    ("status", "code", "expected", "says"),
    [
        (400, None, Rejected, "400"),
        (401, "invalid_api_key", Forbidden, "check GCM_SENTINEL_API_KEY"),
        (403, None, Forbidden, "check GCM_SENTINEL_API_KEY"),
        (404, "model_not_found", NotFound, "no model 'gpt-6.1-sol' .* check GCM_SENTINEL_MODEL"),
        (422, None, Rejected, "422"),
        (429, "rate_limit_exceeded", Overloaded, "asks to wait 7 s"),
        (429, "insufficient_quota", Rejected, "402"),
        (500, None, Unreachable, "500"),
        (503, None, Overloaded, "503"),
    ],
)
async def test_a_status_is_one_of_our_errors(status, code, expected, says, served, failing, model, transcript, tools):
    served(RESPONSES, failing(status, "key sk-canary-0123456789 is bad", code, retry_after="7"))

    with pytest.raises(expected, match=says) as caught:
        await model.turn(transcript, tools)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 503])
async def test_overload_then_success_is_one_turn(status, served, failing, response, message, model, transcript, tools):
    route = served(RESPONSES, failing(status, retry_after_ms="1"), response(message("ok")))

    turn = await FailoverModel([model], policy=QUICK).turn(transcript, tools)

    assert turn.text == "ok"
    assert route.call_count == 2


async def test_a_connection_cut_in_mid_stream_is_unreachable(httpx2_mock, sse, chunk, vllm, transcript, tools):
    async def cut():
        yield sse([chunk(content="half")])[:-14]
        raise httpcore2.ReadError("reset by peer")

    httpx2_mock.post(VLLM).mock(
        return_value=httpx.Response(200, content=cut(), headers={"content-type": "text/event-stream"})
    )

    with pytest.raises(Unreachable, match="failed or was cut"):
        await vllm.turn(transcript, tools)


async def test_no_connection_is_unreachable_and_names_the_address(httpx2_mock, vllm, transcript, tools):
    httpx2_mock.post(VLLM).mock(side_effect=httpcore2.ConnectError("refused"))

    with pytest.raises(Unreachable, match=r"http://vllm\.test/v1.*refused"):
        await vllm.turn(transcript, tools)


async def test_an_answer_that_is_no_stream_names_the_setting(served, vllm, transcript, tools):
    served(VLLM, httpx.Response(200, json={"object": "chat.completion"}))

    with pytest.raises(
        BadResponse, match="application/json instead of an event stream: check GCM_SENTINEL_LLM_BASE_URL"
    ):
        await vllm.turn(transcript, tools)


async def test_a_turn_ends_at_its_own_deadline(transcript, tools):
    async def never(request):
        await asyncio.Event().wait()

    model = OpenAIModel(api_key="k", turn_timeout=timedelta(milliseconds=50))
    silent = httpx2.AsyncClient(transport=httpx2.MockTransport(never))
    model._client = openai.AsyncOpenAI(api_key="k", http_client=silent)

    with pytest.raises(Unreachable, match="no complete answer within"):
        await model.turn(transcript, tools)

    await model.aclose()


def test_openai_itself_needs_a_key():
    with pytest.raises(BadConfiguration, match="GCM_SENTINEL_API_KEY"):
        OpenAIModel(api_key=" ")


@pytest.mark.parametrize(
    ("refusal", "gone", "instead"),
    [
        ("Unrecognized request argument: stream_options", "stream_options", None),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.", "max_tokens", "max_completion_tokens"),
    ],
    ids=["usage-option", "token-limit"],
)
async def test_what_a_server_refuses_by_name_is_left_out(
    refusal, gone, instead, served, failing, chunk, vllm, transcript, tools
):
    route = served(VLLM, failing(400, refusal), [chunk(content="ok"), chunk("stop")])

    await vllm.turn(transcript, tools)
    await vllm.turn(transcript, tools)

    sent = [json.loads(call.request.content) for call in route.calls]
    assert [gone in item for item in sent] == [True, False, False]
    assert instead is None or instead in sent[2]


async def test_reasoning_is_not_asked_for_where_there_is_none(served, failing, response, model, transcript, tools):
    refusal = failing(400, "Encrypted content is not supported with this model.")
    route = served(RESPONSES, refusal, response())

    await model.turn(transcript, tools)

    assert ["include" in json.loads(call.request.content) for call in route.calls] == [True, False]


async def test_a_refusal_that_names_nothing_we_can_change_is_final(served, failing, vllm, transcript, tools):
    route = served(VLLM, failing(400, "This model's maximum context length is 32768 tokens."))

    with pytest.raises(Rejected, match="maximum context length"):
        await vllm.turn(transcript, tools)

    assert route.call_count == 1


async def test_a_token_limit_refused_under_both_names_is_final(served, failing, vllm, transcript, tools):
    route = served(VLLM, failing(400, "max_tokens and max_completion_tokens are too large"))

    with pytest.raises(Rejected, match="too large"):
        await vllm.turn(transcript, tools)

    assert route.call_count == 2


@pytest.mark.slow
def test_no_error_of_the_sdk_escapes_translation():
    request = httpx2.Request("POST", RESPONSES)
    reply = httpx2.Response(500, request=request)
    arguments = {"request": request, "response": reply, "body": None, "message": "m", "completion": None}
    endpoint = Endpoint("openai", "m", "https://api.openai.com/v1", "k")
    classes = [item for _, item in inspect.getmembers(openai, inspect.isclass) if issubclass(item, openai.OpenAIError)]

    for kind in classes:
        accepted = inspect.signature(kind.__init__).parameters
        if kind is openai.LengthFinishReasonError or "unsent_messages" in accepted:
            continue
        error = kind(**{name: arguments[name] for name in accepted if name in arguments})
        assert isinstance(error, vendor_failures(openai)), kind
        assert isinstance(translate(error, endpoint, openai), SentinelError), kind


def test_importing_the_adapter_does_not_import_the_sdk():
    code = "import sys, gcm_sentinel.llm.openai; sys.exit(bool({'openai', 'httpx2'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603  our own interpreter

    assert done.returncode == 0
