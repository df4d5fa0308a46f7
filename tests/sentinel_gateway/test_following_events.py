"""Whoever follows misses nothing: by position, from now, for a host, over a restart; and hears what was forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, refusal_of, settings
from tests.sentinel_gateway.roles import bearer, role_settings

from sentinel.ext.v1 import events_pb2, tmr_pb2
from sentinel_gateway.app.running import Running, running_gateway
from sentinel_gateway.app.settings import Settings

QUARANTINE, REINSTATE = 1, 2


def _follow(client: Client, **request):
    return client.events.FollowEvents(events_pb2.FollowEventsRequest(**request), timeout=WITHIN_S)


async def _changed_twice(client: Client) -> None:
    await client.report(batch())
    for action in (QUARANTINE, REINSTATE):
        await client.issue(action)


async def _read(call, count: int) -> list[events_pb2.Event]:
    events = [await call.read() for _ in range(count)]
    call.cancel()
    return events


async def test_everything_that_is_remembered_comes_in_order(client):
    await _changed_twice(client)

    heard = await _read(_follow(client), 4)

    assert [one.position for one in heard] == [1, 2, 3, 4]
    assert sorted(str(one.WhichOneof("what")) for one in heard) == ["directive", "directive", "state", "state"]
    assert {one.gpu.uuid for one in heard} == {GPU}
    assert all(one.HasField("time") for one in heard)


async def test_it_goes_on_after_a_position(client):
    await _changed_twice(client)

    assert [one.position for one in await _read(_follow(client, after_position=2), 2)] == [3, 4]


async def test_from_now_begins_with_a_position_alone(client):
    await _changed_twice(client)
    live = _follow(client, from_now=True, after_position=1)
    first = await live.read()

    await client.issue(QUARANTINE)

    assert (first.position, first.WhichOneof("what"), first.HasField("time")) == (4, None, False)
    assert [one.position for one in await _read(live, 2)] == [5, 6]


async def test_only_what_is_about_a_host_comes_where_one_is_named(client):
    elsewhere = _follow(client, hostname="node-2")
    await elsewhere.initial_metadata()
    await _changed_twice(client)

    assert len(await _read(_follow(client, hostname="node-1"), 4)) == 4
    assert not elsewhere.done()
    elsewhere.cancel()


async def test_a_position_that_was_never_reached_is_out_of_range_and_says_what_to_do(client):
    for position in (1, 2**63, 2**64 - 1):
        code, words = await refusal_of(_follow(client, after_position=position).read())
        assert code is grpc.StatusCode.OUT_OF_RANGE
        assert "follow from now" in words


@asynccontextmanager
async def _client_of(wanted: Settings) -> AsyncIterator[Client]:
    async with running_gateway(wanted) as gateway, _channel(gateway) as channel:
        yield Client(channel)


def _channel(gateway: Running) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}")


async def test_positions_hold_over_a_restart(tmp_path):
    wanted = settings(tmp_path)
    async with _client_of(wanted) as client:
        await _changed_twice(client)
    async with _client_of(wanted) as client:
        missed = _follow(client, after_position=2)
        await client.issue(QUARANTINE)

        assert [one.position for one in await _read(missed, 4)] == [3, 4, 5, 6]


async def test_viewers_and_investigators_follow_events_and_agents_follow_canaries(tmp_path):
    async with _client_of(role_settings(tmp_path)) as client:
        calls = (
            client.events.FollowEvents(events_pb2.FollowEventsRequest(), metadata=bearer("viewer")),
            client.events.FollowEvents(events_pb2.FollowEventsRequest(), metadata=bearer("investigator")),
            client.tmr.FollowCanaries(tmr_pb2.FollowCanariesRequest(), metadata=bearer("agent")),
        )
        for call in calls:
            await asyncio.wait_for(call.initial_metadata(), WITHIN_S)
            assert not call.done()
            call.cancel()
