"""Anthropic's side of the wire, as bytes: streams of events, and the investigation that asks."""

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
from gcm_sentinel.llm.anthropic import AnthropicModel

URL = "https://api.anthropic.com/v1/messages"
SSE = {"content-type": "text/event-stream; charset=utf-8"}
AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)

Events = list[dict[str, Any]]
Answer = Callable[..., Events]


def _block(index: int, start: dict[str, Any], deltas: Events) -> Events:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _content(index: int, part: tuple[str, ...]) -> Events:
    kind, *rest = part
    if kind == "text":
        deltas = [{"type": "text_delta", "text": piece} for piece in rest]
        return _block(index, {"type": "text", "text": ""}, deltas)
    if kind == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": rest[0]}, {"type": "signature_delta", "signature": rest[1]}]
        return _block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas)
    call_id, name, *pieces = rest
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return _block(index, {"type": "tool_use", "id": call_id, "name": name, "input": {}}, deltas)


@pytest.fixture
def answer() -> Answer:
    """``answer(("text", "Hel", "lo"), ("tool", id, name, json...), stop=...)``: the events of one whole answer."""

    def build(*parts: tuple[str, ...], stop: str = "tool_use", usage: JsonObject | None = None, **delta: Any) -> Events:
        counts = {"input_tokens": 10, "output_tokens": 1, **(usage or {})}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5-20260901"}
        start: dict[str, Any] = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": counts}
        body = [event for index, part in enumerate(parts) for event in _content(index, part)]
        end = {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None, **delta}}
        return [
            {"type": "message_start", "message": start},
            {"type": "ping"},
            *body,
            {**end, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ]

    return build


@pytest.fixture
def sse() -> Callable[[Events], bytes]:
    """Events as the bytes of a stream."""
    return lambda events: "".join(f"event: {item['type']}\ndata: {json.dumps(item)}\n\n" for item in events).encode()


@pytest.fixture
def served(httpx2_mock: respx.Router, sse: Callable[[Events], bytes]) -> Callable[..., respx.Route]:
    """``served(events_or_response, ...)``: what the API answers, in order; the last one again after that."""

    def serve(*replies: Events | httpx.Response, url: str = URL) -> respx.Route:
        left = list(replies)

        def reply(request: httpx.Request) -> httpx.Response:
            now = left.pop(0) if len(left) > 1 else left[0]
            return now if isinstance(now, httpx.Response) else httpx.Response(200, content=sse(now), headers=SSE)

        return httpx2_mock.post(url).mock(side_effect=reply)

    return serve


@pytest.fixture
def failing() -> Callable[..., httpx.Response]:
    """``failing(status, type, message, **headers)``: an error as the API words it."""

    def build(status: int, kind: str, message: str = "no", **headers: str) -> httpx.Response:
        body = {"type": "error", "error": {"type": kind, "message": message}}
        return httpx.Response(
            status, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    return build


@pytest.fixture
async def model() -> AsyncIterator[AnthropicModel]:
    """The adapter under test, with a key that must never be seen again."""
    made = AnthropicModel(api_key="sk-ant-canary-0123456789", turn_timeout=timedelta(seconds=30))
    yield made
    await made.aclose()


@pytest.fixture
def transcript() -> Transcript:
    """An investigation that has just begun."""
    trigger = Trigger("kubernetes", "gpu-7", "GcmXidErrorsProblem", TriggerStatus.PROBLEM, "Xid", "Xid 79", AT)
    return Transcript("You investigate.", Incident("inc-1", (trigger,), AT), "Incident inc-1 on gpu-7.")


@pytest.fixture
def tools() -> tuple[ToolSpec, ...]:
    """Three tools: one with an optional bounded argument, one that cannot be strict, and the closing one."""
    query: JsonObject = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1},
            "duration_s": {"type": "integer", "minimum": 1, "description": "window"},
        },
        "required": ["query"],
    }
    free: JsonObject = {"type": "object", "properties": {"labels": {"type": "object"}}, "additionalProperties": True}
    verdict: JsonObject = {"type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"]}
    return (
        ToolSpec("query_prometheus", "Ask Prometheus.", query),
        ToolSpec("find_nodes", "Nodes by labels.", free),
        ToolSpec("submit_assessment", "End the investigation.", verdict),
    )
