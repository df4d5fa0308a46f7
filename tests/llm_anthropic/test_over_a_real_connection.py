"""The whole way once, against a real server on this machine: an answer in pieces, replies back, an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from gcm_sentinel.domain.transcript import StopReason, ToolReplies, ToolReply
from gcm_sentinel.llm.anthropic import AnthropicModel


@pytest.fixture
async def server(sse, answer) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Its URL, and the bodies it received; asks for a tool first and ends when it sees the result."""
    seen: list[dict[str, Any]] = []

    async def messages(request: web.Request) -> web.StreamResponse:
        seen.append(await request.json())
        last = seen[-1]["messages"][-1]["content"][0]
        ends = last["type"] == "tool_result"
        call = (
            "tool",
            f"toolu_{len(seen)}",
            "submit_assessment" if ends else "query_prometheus",
            '{"query": ',
            '"up"}',
        )
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        data = sse(answer(("text", "Step."), call))
        for start in range(0, len(data), 61):
            await response.write(data[start : start + 61])
            await asyncio.sleep(0)
        return response

    app = web.Application()
    app.router.add_post("/v1/messages", messages)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}", seen
    await runner.cleanup()


async def test_an_investigation_of_two_turns(server, transcript, tools):
    url, seen = server
    model = AnthropicModel(api_key="k", base_url=url)

    first = await model.turn(transcript, tools)
    replies = ToolReplies(tuple(ToolReply(call, "up is 1") for call in first.tool_calls))
    second = await model.turn(transcript.append(first).append(replies), tools)

    assert first.tool_calls[0].arguments == {"query": "up"}
    assert second.tool_calls[0].name == "submit_assessment"
    assert second.stop is StopReason.TOOL_USE
    assert second.latency_s > 0
    assert seen[1]["messages"][2]["content"][0]["content"] == "up is 1"
    await model.aclose()
