"""A broken API server, as a scenario wants it broken."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest


@pytest.mark.parametrize("path", ["/api/v1/nodes", "/version", "/api"])
async def test_refuses_connections(api, path):
    api.faults.broken["kubernetes", None] = "refuse"

    with pytest.raises(aiohttp.ClientConnectionError):
        await api.get(path)


async def test_is_unavailable(api):
    api.faults.broken["kubernetes", None] = "503"

    answer = await api.get("/api/v1/nodes")

    assert (answer.status, answer.json["reason"]) == (503, "ServiceUnavailable")


async def test_forbids_every_resource_but_not_discovery(api):
    api.faults.broken["kubernetes", None] = "403"

    answers = [await api.get(path) for path in ("/api/v1/nodes", "/api/v1/nodes/gpu-1", "/version")]
    write = await api.patch("/api/v1/nodes/gpu-1", {})

    assert [answer.status for answer in answers] == [403, 403, 200]
    assert write.status == 403


async def test_an_access_review_tells_of_the_refusal(api):
    api.faults.broken["kubernetes", None] = "403"
    spec = {"resourceAttributes": {"verb": "get", "resource": "nodes"}}

    answer = await api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": spec})

    assert answer.json["status"]["allowed"] is False


async def test_gives_no_answer_until_the_client_gives_up(api):
    api.faults.broken["kubernetes", None] = "timeout"

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await api.get("/api/v1/nodes")


async def test_shows_nothing(api):
    api.faults.broken["kubernetes", None] = "empty"

    answer = await api.get("/api/v1/nodes")

    assert (answer.status, answer.names) == (200, [])


async def test_recovers(api):
    api.faults.broken["kubernetes", None] = "503"
    await api.get("/api/v1/nodes")
    api.faults.broken.clear()

    assert (await api.get("/api/v1/nodes")).status == 200
