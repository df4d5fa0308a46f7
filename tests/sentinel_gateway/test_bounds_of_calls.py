"""How much may be under way at once, with real clients: what is above a limit is refused with the limit's name."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2
from tests.sentinel_gateway.driving import WITHIN_S, Client, code_of, refusal_of, settings, until

from sentinel.v1 import correlation_pb2
from sentinel_gateway.app.running import running_gateway
from sentinel_gateway.services.bounds import host_of

FULL = grpc.StatusCode.RESOURCE_EXHAUSTED
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


@asynccontextmanager
async def _connected(folder, clients: int = 1, **grpc_settings):
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(running_gateway(settings(folder, {"grpc": grpc_settings})))
        address = f"127.0.0.1:{gateway.grpc_port}"
        channels = [grpc.aio.insecure_channel(address, options=OWN_CONNECTION) for _ in range(clients)]
        yield [Client(await stack.enter_async_context(channel)) for channel in channels]


async def _stream(client: Client):
    """A stream that is open once its first answer is there, and stays open."""
    watch = client.channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    stream = watch(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)
    await stream.read()
    return stream


def _fleet(client: Client):
    return client.correlation.QueryFleetHealth(correlation_pb2.FleetHealthRequest(), timeout=WITHIN_S)


async def _is_taken(client: Client) -> bool:
    return await code_of(_fleet(client)) is grpc.StatusCode.OK


async def test_calls_above_the_limit_are_refused_over_all_connections(tmp_path):
    async with _connected(tmp_path, 3, max_calls=2) as (one, two, three):
        streams = [await _stream(one), await _stream(two)]

        code, words = await refusal_of(_fleet(three))
        health = await three.check(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)

        assert (code, "grpc.max_calls" in words) == (FULL, True)
        assert health.status == health_pb2.HealthCheckResponse.SERVING, "a full gateway is not to be restarted"
        streams[0].cancel()
        await until(lambda: _is_taken(three), "a stream that ended makes room")


async def test_streams_of_one_address_have_a_limit_of_their_own(tmp_path):
    async with _connected(tmp_path, 2, max_streams_per_peer=2) as (one, two):
        streams = [await _stream(one), await _stream(two)]

        code, words = await refusal_of(_stream(two))

        assert (code, "2 streams from 127.0.0.1" in words) == (FULL, True)
        assert "grpc.max_streams_per_peer" in words
        assert await _is_taken(one), "calls with one answer are none of them"
        streams[0].cancel()
        await until(lambda: _can_stream(two), "a stream that ended makes room")


async def _can_stream(client: Client) -> bool:
    return await code_of(_stream(client)) is grpc.StatusCode.OK


async def test_without_a_limit_of_its_own_an_address_has_as_many_streams_as_there_are(tmp_path):
    async with _connected(tmp_path, max_streams_per_peer=0) as (client,):
        assert [await _can_stream(client) for _ in range(5)] == [True] * 5


async def test_a_connection_above_the_limit_is_closed_at_once(tmp_path):
    async with _connected(tmp_path, 2, max_connections=1) as (one, two):
        assert await _is_taken(one)
        assert await code_of(_fleet(two)) is grpc.StatusCode.UNAVAILABLE

        await one.channel.close()
        await until(lambda: _is_taken(two), "a connection that was closed makes room")


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:10.0.0.7:51234", "10.0.0.7"),
        ("ipv6:%5B::1%5D:51234", "::1"),
        ("ipv6:[fd00::7]:1", "fd00::7"),
        ("unix:", "unix"),
        ("unix:/run/s.sock", "/run/s.sock"),
    ],
)
def test_an_address_is_known_without_its_port(peer, host):
    assert host_of(peer) == host
