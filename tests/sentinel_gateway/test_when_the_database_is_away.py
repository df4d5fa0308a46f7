"""A database that goes away: nothing is acknowledged, health checks hear of it, and it all goes on when it is back."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2
from tests.postgres import PostgresServer
from tests.sentinel_gateway.driving import GPU, WITHIN_S, Client, batch, code_of, execution, settings, until

from sentinel.v1 import common_pb2, correlation_pb2
from sentinel_gateway.app.running import running_gateway

SERVING, AWAY = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def server():
    server = PostgresServer()
    yield server
    server.remove()


@pytest.mark.slow
async def test_nothing_is_lost_and_nobody_is_told_otherwise(tmp_path, server):
    wanted = settings(tmp_path, {"database": {"url": server.url(server.create_database())}})
    async with (
        running_gateway(wanted) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        client = Client(channel)
        await client.report(batch())

        server.stop()
        await until(lambda: _health_is(client, AWAY), "health checks hear that the database is away")
        stream = client.probes.StreamProbeResults(timeout=WITHIN_S)
        await stream.write(batch(execution(execution_id="2"), sequence=2))
        assert await stream.code() is grpc.StatusCode.UNAVAILABLE
        assert await code_of(client.issue(1)) is grpc.StatusCode.UNAVAILABLE

        server.start()
        await until(lambda: _health_is(client, SERVING), "the database is back")
        await until(lambda: _is_taken(client), "what was not acknowledged is taken when it is sent again")
        query = correlation_pb2.HealthQueryRequest(gpu=common_pb2.GpuIdentifier(uuid=GPU))
        health = (await client.correlation.QueryGpuHealth(query, timeout=WITHIN_S)).health

    assert health.probe_pass_count == 2


async def _health_is(client: Client, status: int) -> bool:
    answer = await client.check(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)
    return bool(answer.status == status)


async def _is_taken(client: Client) -> bool:
    sent = batch(execution(execution_id="2"), sequence=2)
    return await code_of(client.report(sent)) is grpc.StatusCode.OK
