"""The whole way once, against a real server on this machine that speaks Chat Completions like Ollama or vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from gcm_sentinel.domain.transcript import StopReason, ToolReplies, ToolReply
from gcm_sentinel.llm.openai import OpenAIModel


@pytest.fixture
async def server(sse, chunk, call, usage_chunk) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Its URL, and the bodies it received; asks for a tool first and ends when it sees the result."""
    seen: list[dict[str, Any]] = []

    async def completions(request: web.Request) -> web.StreamResponse:
        seen.append(await request.json())
        name = "submit_assessment" if seen[-1]["messages"][-1]["role"] == "tool" else "query_prometheus"
        piece = call(0, '{"query": "up"}', f"call_{len(seen)}", name)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        data = sse([chunk(content="Step."), chunk(tool_calls=[piece]), chunk("stop"), usage_chunk])
        for start in range(0, len(data), 61):
            await response.write(data[start : start + 61])
            await asyncio.sleep(0)
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", completions)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/v1", seen
    await runner.cleanup()


async def test_an_investigation_of_two_turns(server, transcript, tools):
    url, seen = server
    model = OpenAIModel(api_key="", model="qwen3", base_url=url)

    first = await model.turn(transcript, tools)
    replies = ToolReplies(tuple(ToolReply(call, "up is 1") for call in first.tool_calls))
    second = await model.turn(transcript.append(first).append(replies), tools)

    assert first.tool_calls[0].arguments == {"query": "up"}
    assert second.tool_calls[0].name == "submit_assessment"
    assert second.stop is StopReason.TOOL_USE
    assert second.usage.input_tokens == 100
    assert seen[1]["messages"][-1]["content"] == "up is 1"
    await model.aclose()
