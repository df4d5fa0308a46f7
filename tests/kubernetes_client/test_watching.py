"""One watch request: events until the server ends it, and both forms of 410."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from datetime import timedelta

import pytest
from aiohttp import web

from gcm_sentinel.clients.kubernetes import WatchTimes
from gcm_sentinel.domain.errors import Rejected, Unreachable


def event(kind: str, version: str, **fields: object) -> str:
    return json.dumps({"type": kind, "object": {"metadata": {"resourceVersion": version}, **fields}}) + "\n"


async def collect(client, resource_version="5"):
    batches = client.watch("/api/v1/nodes", resource_version=resource_version)
    return [event async for events in batches for event in events]


async def test_yields_events_and_bookmarks_until_the_server_ends_the_stream(api, client):
    api.streams(event("MODIFIED", "6"), event("BOOKMARK", "9"))

    events = await collect(client)

    assert [entry["type"] for entry in events] == ["MODIFIED", "BOOKMARK"]


async def test_asks_for_bookmarks_from_the_given_version_for_about_four_minutes(api, client):
    api.streams()

    await collect(client, "77")

    query = api.requests[0].query
    assert (query["watch"], query["allowWatchBookmarks"], query["resourceVersion"]) == ("true", "true", "77")
    assert 240 <= int(query["timeoutSeconds"]) <= 290


async def test_joins_an_event_that_arrives_in_pieces(api, client):
    whole = event("MODIFIED", "6", filler="x" * 3_000_000)
    api.streams(whole[:100], whole[100:2_000_000], whole[2_000_000:], event("DELETED", "7"))

    events = await collect(client)

    assert [entry["object"]["metadata"]["resourceVersion"] for entry in events] == ["6", "7"]


@pytest.mark.parametrize("form", ["http", "event"])
async def test_a_version_that_is_gone_is_rejected_with_410(api, client, form):
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 5"}
    if form == "http":
        api.always(410, status)
    else:
        api.streams(json.dumps({"type": "ERROR", "object": status}) + "\n")

    with pytest.raises(Rejected, match="too old resource version") as caught:
        await collect(client)

    assert caught.value.status == 410


async def test_a_stream_that_breaks_off_is_unreachable(api, client):
    async def breaking(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(event("MODIFIED", "6").encode())
        assert request.transport is not None
        request.transport.abort()
        return response

    api.handler = breaking
    events = client.watch("/api/v1/nodes", resource_version="5")

    first = await anext(events)
    with pytest.raises(Unreachable, match="broke off"):
        await anext(events)

    assert [entry["type"] for entry in first] == ["MODIFIED"]


async def test_a_silent_stream_is_unreachable_soon_after_its_agreed_end(api, connect):
    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(event("MODIFIED", "6").encode())
        await asyncio.Event().wait()
        return response

    api.handler = silent
    times = WatchTimes(timedelta(seconds=1), timedelta(seconds=1), grace=timedelta(milliseconds=200))
    started = time.monotonic()

    async with aclosing(await connect(watch_times=times)) as client:
        with pytest.raises(Unreachable, match="broke off"):
            await collect(client)

    assert api.requests[0].query["timeoutSeconds"] == "1"
    assert 1.1 < time.monotonic() - started < 4


async def test_events_that_arrived_together_come_together_and_before_the_error_behind_them(api, client):
    gone = json.dumps({"type": "ERROR", "object": {"code": 410, "message": "too old"}}) + "\n"
    api.streams(event("MODIFIED", "6") + event("MODIFIED", "7") + gone)
    batches = client.watch("/api/v1/nodes", resource_version="5")

    first = await anext(batches)
    with pytest.raises(Rejected, match="too old"):
        await anext(batches)

    assert [entry["object"]["metadata"]["resourceVersion"] for entry in first] == ["6", "7"]


async def test_a_stream_cut_in_the_middle_of_an_event_is_unreachable(api, client):
    api.streams(event("MODIFIED", "6"), '{"type": "MODIF')

    with pytest.raises(Unreachable, match="middle of an event"):
        await collect(client)
