"""OpenAI's two wires as bytes: Chat Completions chunks, Responses events, and the investigation that asks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from gcm_sentinel.domain.jsontypes import JsonObject
from gcm_sentinel.domain.transcript import ToolSpec, Transcript
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.llm.openai import OpenAIModel

SSE = {"content-type": "text/event-stream"}
AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 9,
    "total_tokens": 109,
    "prompt_tokens_details": {"cached_tokens": 80},
}

Events = list[dict[str, Any]]


@pytest.fixture
def chunk() -> Callable[..., dict[str, Any]]:
    """``chunk(content=..., tool_calls=..., finish=...)``: one chunk of Chat Completions."""

    def build(finish: str | None = None, **delta: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "qwen3-32b", "choices": [choice]}

    return build


@pytest.fixture
def call() -> Callable[..., dict[str, Any]]:
    """``call(index, arguments, id, name)``: a piece of a tool call in a chunk."""

    def build(index: int | None, arguments: str, call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
        function = {"arguments": arguments, **({"name": name} if name else {})}
        return {"index": index, "function": function, **({"id": call_id, "type": "function"} if call_id else {})}

    return build


@pytest.fixture
def usage_chunk() -> dict[str, Any]:
    """The last chunk, which holds the usage and no choice."""
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "qwen3",
        "choices": [],
        "usage": USAGE,
    }


@pytest.fixture
def response() -> Callable[..., Events]:
    """``response(item, ..., status=...)``: the events of a whole answer of the Responses API."""

    def build(*items: dict[str, Any], status: str = "completed", **more: Any) -> Events:
        usage: dict[str, Any] = {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 0},
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 109,
        }
        final: dict[str, Any] = {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": status,
            "model": "gpt-6.1-sol",
        }
        final |= {
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "output": list(items),
            "usage": usage,
        }
        done: Events = [
            {"type": "response.output_item.done", "output_index": index, "item": item}
            for index, item in enumerate(items)
        ]
        begun = {**final, "status": "in_progress", "output": [], "usage": None}
        end = {"type": f"response.{status}", "response": {**final, **more}}
        events: Events = [{"type": "response.created", "response": begun}, *done, end]
        return [{**event, "sequence_number": number} for number, event in enumerate(events)]

    return build


@pytest.fixture
def message() -> Callable[[str], dict[str, Any]]:
    """A message item."""

    def build(text: str, kind: str = "output_text") -> dict[str, Any]:
        part = {"type": kind, ("text" if kind == "output_text" else "refusal"): text, "annotations": []}
        return {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [part]}

    return build


@pytest.fixture
def function_call() -> Callable[..., dict[str, Any]]:
    """A function call item."""

    def build(call_id: str, name: str, arguments: str, status: str = "completed") -> dict[str, Any]:
        item = {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name}
        return {**item, "arguments": arguments, "status": status}

    return build


@pytest.fixture
def sse() -> Callable[[Events], bytes]:
    """Events as the bytes of a stream; `[DONE]` at the end as Chat Completions sends it."""

    def build(events: Events) -> bytes:
        lines = [
            f"event: {item['type']}\ndata: {json.dumps(item)}\n\n"
            if "type" in item
            else f"data: {json.dumps(item)}\n\n"
            for item in events
        ]
        return ("".join(lines) + "data: [DONE]\n\n").encode()

    return build


@pytest.fixture
def served(httpx2_mock: respx.Router, sse: Callable[[Events], bytes]) -> Callable[..., respx.Route]:
    """``served(url, events_or_response, ...)``: what the server answers, in order; the last one again after that."""

    def serve(url: str, *replies: Events | httpx.Response) -> respx.Route:
        left = list(replies)

        def reply(request: httpx.Request) -> httpx.Response:
            now = left.pop(0) if len(left) > 1 else left[0]
            return now if isinstance(now, httpx.Response) else httpx.Response(200, content=sse(now), headers=SSE)

        return httpx2_mock.post(url).mock(side_effect=reply)

    return serve


@pytest.fixture
def failing() -> Callable[..., httpx.Response]:
    """``failing(status, message, code=..., **headers)``: an error as the API words it."""

    def build(status: int, message: str = "no", code: str | None = None, **headers: str) -> httpx.Response:
        body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
        return httpx.Response(
            status, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    return build


@pytest.fixture
async def vllm() -> AsyncIterator[OpenAIModel]:
    """The adapter against a server of one's own."""
    made = OpenAIModel(
        api_key="", model="qwen3-32b", base_url="http://vllm.test/v1", turn_timeout=timedelta(seconds=30)
    )
    yield made
    await made.aclose()


@pytest.fixture
async def model() -> AsyncIterator[OpenAIModel]:
    """The adapter against OpenAI itself, with a key that must never be seen again."""
    made = OpenAIModel(api_key="sk-canary-0123456789", turn_timeout=timedelta(seconds=30))
    yield made
    await made.aclose()


@pytest.fixture
def transcript() -> Transcript:
    """An investigation that has just begun."""
    trigger = Trigger("kubernetes", "gpu-7", "GcmXidErrorsProblem", TriggerStatus.PROBLEM, "Xid", "Xid 79", AT)
    return Transcript("You investigate.", Incident("inc-1", (trigger,), AT), "Incident inc-1 on gpu-7.")


@pytest.fixture
def tools() -> tuple[ToolSpec, ...]:
    """Two tools: one with an optional bounded argument, and one that cannot be strict."""
    query: JsonObject = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1},
            "duration_s": {"type": "integer", "minimum": 1, "description": "window"},
        },
        "required": ["query"],
    }
    free: JsonObject = {"type": "object", "properties": {"labels": {"type": "object"}}, "additionalProperties": True}
    return ToolSpec("query_prometheus", "Ask Prometheus.", query), ToolSpec("find_nodes", "Nodes by labels.", free)
