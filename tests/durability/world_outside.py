"""The world outside the agent for tests that kill it: an LLM provider and a webhook receiver on loopback that count."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

from aiohttp import web

VERDICT = {
    "severity": "warning",
    "fault_class": "inconclusive",
    "summary": "two looks at the node show nothing that decides",
    "root_cause": "not established",
    "confidence": 0.2,
    "entities": [],
    "causal_chain": [],
    "actions": [],
    "claims": [],
    "ruled_out": [],
    "not_checked": ["the provider is a test's own"],
}
_INCIDENT = re.compile(r"\binc-[0-9a-f]+(?:\.\d+)?")


Calls: TypeAlias = list[tuple[str, dict[str, Any]]]
"""Tools and their arguments."""


class Outside:
    """Speaks Anthropic's streaming protocol and takes webhooks; remembers every request."""

    def __init__(self, asks: Callable[[int], Calls] | None = None) -> None:
        """`asks` says what a model calls when it has been told so many messages."""
        self._asks = asks or _two_rounds
        self.turns: Counter[tuple[str, int]] = Counter()
        """How often each turn was asked for: (incident, number of messages so far)."""
        self.webhooks: Counter[str] = Counter()
        """How often each idempotency key was sent."""
        self.bodies: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        """The server of both."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/messages", self._turn)
        app.router.add_post("/webhook", self._webhook)
        return app

    def calls(self, messages: list[dict[str, Any]]) -> Calls:
        """What a model that was told this calls next."""
        return self._asks(len(messages))

    async def _turn(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        messages = asked["messages"]
        self.turns[(_subject(messages[0]), len(messages))] += 1
        response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for event in _answer(self.calls(messages), len(messages), asked["model"]):
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        await response.write_eof()
        return response

    async def _webhook(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        self.webhooks[request.headers["Idempotency-Key"]] += 1
        return web.Response()


def _subject(message: dict[str, Any]) -> str:
    """The incident the first message is about."""
    found = _INCIDENT.search(json.dumps(message))
    return found.group() if found else "?"


def _two_rounds(messages: int) -> Calls:
    """Two rounds of tools, two calls each, then the verdict."""
    if messages == 1:
        return [("get_node_info", {}), ("get_node_events", {})]
    if messages == 3:
        return [("get_workload_info", {}), ("get_daemonsets", {})]
    return [("submit_assessment", VERDICT)]


def _answer(calls: Calls, messages: int, model: str) -> list[dict[str, Any]]:
    return _stream(model, [(f"toolu_{messages}_{place}", *call) for place, call in enumerate(calls)])


def _stream(model: str, calls: list[tuple[str, str, dict[str, Any]]]) -> list[dict[str, Any]]:
    usage = {"input_tokens": 100, "output_tokens": 1}
    unfinished: dict[str, Any] = {"stop_reason": None, "stop_sequence": None, "content": [], "usage": usage}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, **unfinished}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    for index, (call_id, name, arguments) in enumerate(calls):
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    end = {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 20}}
    return [*events, end, {"type": "message_stop"}]
