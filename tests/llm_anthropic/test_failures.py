"""Each failure of the provider is one of ours, says what to do, and never shows the key."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from datetime import timedelta

import anthropic
import httpcore2
import httpx
import httpx2
import pytest

from gcm_sentinel.domain.errors import (
    BadConfiguration,
    Forbidden,
    NotFound,
    Overloaded,
    Rejected,
    Retryable,
    SentinelError,
    Unreachable,
)
from gcm_sentinel.llm.anthropic import AnthropicModel
from gcm_sentinel.llm.endpoint import Endpoint
from gcm_sentinel.llm.failover import FailoverModel
from gcm_sentinel.llm.retry import RetryPolicy
from gcm_sentinel.llm.wire_errors import translate, vendor_failures

QUICK = RetryPolicy(attempts=3, first_wait=timedelta(milliseconds=1), longest_wait=timedelta(milliseconds=2))


@pytest.mark.parametrize(
    ("status", "kind", "expected", "says"),
    [
        (400, "invalid_request_error", Rejected, "max_tokens: too large"),
        (401, "authentication_error", Forbidden, "check GCM_SENTINEL_API_KEY"),
        (402, "billing_error", Rejected, "402"),
        (403, "permission_error", Forbidden, "check GCM_SENTINEL_API_KEY"),
        (404, "not_found_error", NotFound, "no model 'claude-sonnet-5-5' .* check GCM_SENTINEL_MODEL"),
        (413, "request_too_large", Rejected, "413"),
        (408, "timeout_error", Unreachable, "408"),
        (429, "rate_limit_error", Overloaded, "overloaded"),
        (500, "api_error", Unreachable, "500"),
        (502, "api_error", Unreachable, "502"),
        (503, "overloaded_error", Overloaded, "overloaded"),
        (529, "overloaded_error", Overloaded, "overloaded"),
    ],
)
async def test_a_status_is_one_of_our_errors(status, kind, expected, says, served, failing, model, transcript, tools):
    served(failing(status, kind, "max_tokens: too large; key sk-ant-canary-0123456789 seen"))

    with pytest.raises(expected, match=says) as caught:
        await model.turn(transcript, tools)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after": "Fri, 20 Nov 2026 03:01:00 GMT", "date": "Fri, 20 Nov 2026 03:00:30 GMT"}, 30.0),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
    ids=["seconds", "milliseconds", "date", "nonsense", "none"],
)
async def test_the_wait_the_provider_asks_for_is_read(headers, seconds, served, failing, model, transcript, tools):
    served(failing(429, "rate_limit_error", **headers))

    with pytest.raises(Overloaded) as caught:
        await model.turn(transcript, tools)

    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("status", [429, 529])
async def test_overload_then_success_is_one_turn(status, served, failing, answer, model, transcript, tools):
    route = served(failing(status, "overloaded_error", retry_after_ms="1"), answer(("text", "ok"), stop="end_turn"))

    turn = await FailoverModel([model], policy=QUICK).turn(transcript, tools)

    assert turn.text == "ok"
    assert route.call_count == 2


async def test_the_sdk_does_not_retry_or_sleep_by_itself(served, failing, model, transcript, tools):
    route = served(failing(529, "overloaded_error", retry_after="300"))

    async with asyncio.timeout(60):
        with pytest.raises(Overloaded):
            await model.turn(transcript, tools)

    assert route.call_count == 1


@pytest.mark.parametrize("failure", [httpcore2.ConnectError, httpcore2.ReadTimeout, httpcore2.RemoteProtocolError])
async def test_no_connection_is_unreachable(failure, httpx2_mock, model, transcript, tools):
    httpx2_mock.post("https://api.anthropic.com/v1/messages").mock(side_effect=failure("gone"))

    with pytest.raises(Unreachable, match=r"connection to https://api.anthropic.com"):
        await model.turn(transcript, tools)


async def test_a_connection_cut_in_mid_stream_is_unreachable(httpx2_mock, sse, answer, model, transcript, tools):
    async def cut():
        yield sse(answer(("text", "half")))[:500]
        raise httpcore2.ReadError("reset by peer")

    reply = httpx.Response(200, content=cut(), headers={"content-type": "text/event-stream"})
    httpx2_mock.post("https://api.anthropic.com/v1/messages").mock(return_value=reply)

    with pytest.raises(Unreachable, match="failed or was cut"):
        await model.turn(transcript, tools)


async def test_a_stream_that_is_not_json_is_retryable(served, model, transcript, tools):
    broken = b'event: message_start\ndata: {"type": "message_st\n\n'
    served(httpx.Response(200, content=broken, headers={"content-type": "text/event-stream"}))

    with pytest.raises(Retryable, match="not JSON"):
        await model.turn(transcript, tools)


async def test_a_turn_ends_at_its_own_deadline(transcript, tools):
    async def never(request):
        await asyncio.Event().wait()

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(never))
    model = AnthropicModel(api_key="k", turn_timeout=timedelta(milliseconds=50), http_client=client)

    with pytest.raises(Unreachable, match="no complete answer within"):
        await model.turn(transcript, tools)

    await model.aclose()


async def test_an_address_that_is_none_names_the_setting(transcript, tools):
    model = AnthropicModel(api_key="k", base_url="api.anthropic.com")

    with pytest.raises(BadConfiguration, match="GCM_SENTINEL_LLM_BASE_URL"):
        await model.turn(transcript, tools)

    await model.aclose()


@pytest.mark.parametrize("key", ["", "  \n", "two words", "sk-ant-\x00", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused_before_anything_is(key):
    with pytest.raises(BadConfiguration, match="GCM_SENTINEL_API_KEY") as caught:
        AnthropicModel(api_key=key)

    assert not key.strip() or key.strip() not in str(caught.value)


async def test_a_line_end_after_the_key_does_no_harm(served, answer, transcript, tools):
    route = served(answer(("text", "ok"), stop="end_turn"))
    model = AnthropicModel(api_key="sk-ant-1\n")

    await model.turn(transcript, tools)

    assert route.calls.last.request.headers["authorization"] == "Bearer sk-ant-1"
    await model.aclose()


async def test_strict_tools_are_given_up_step_by_step_when_refused(served, failing, answer, model, transcript, tools):
    too_large = failing(400, "invalid_request_error", "The compiled grammar is too large.")
    route = served(too_large, too_large, answer(("text", "ok"), stop="end_turn"))

    await model.turn(transcript, tools)
    await model.turn(transcript, tools)

    strict = [
        [tool["name"] for tool in json.loads(call.request.content)["tools"] if tool.get("strict")]
        for call in route.calls
    ]
    assert strict == [["query_prometheus", "submit_assessment"], ["submit_assessment"], [], []]


def test_no_error_of_the_sdk_escapes_translation():
    request = httpx2.Request("POST", "https://api.anthropic.com/v1/messages")
    reply = httpx2.Response(500, request=request)
    arguments = {"request": request, "response": reply, "body": None, "message": "m", "path": None}
    endpoint = Endpoint("anthropic", "m", "https://api.anthropic.com", "k")
    classes = [item for _, item in inspect.getmembers(anthropic, inspect.isclass) if issubclass(item, Exception)]

    for kind in [item for item in classes if issubclass(item, anthropic.AnthropicError)]:
        accepted = inspect.signature(kind.__init__).parameters
        error = kind(**{name: arguments[name] for name in accepted if name in arguments})
        assert isinstance(error, vendor_failures(anthropic)), kind
        assert isinstance(translate(error, endpoint, anthropic), SentinelError), kind


def test_importing_the_adapter_does_not_import_the_sdk():
    code = "import sys, gcm_sentinel.llm.anthropic; sys.exit(bool({'anthropic', 'httpx2'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603  our own interpreter

    assert done.returncode == 0
