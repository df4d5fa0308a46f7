"""A gateway in a process of its own: killed while it hears, started again; and one that asks for certificates."""

from __future__ import annotations

import asyncio

import pytest
from tests.node_reporting.node import GPU, counted, finding, node, report, until
from tests.sentinel_sdk.gateway import Restarted, secure_gateway

from sentinel_node.domain import metrics
from sentinel_node.domain.probes import Outcome
from sentinel_sdk import SentinelClient, TlsConfig

pytestmark = pytest.mark.slow
BATCHES = 150


async def sent_all(one, batches):
    values = one.metrics.values
    await until(lambda: values[metrics.BATCHES_SENT,] >= batches and values[metrics.BUFFER_DEPTH,] == 0)


async def test_killed_in_the_middle_it_has_everything_once_in_the_end(tmp_path):
    running = await asyncio.to_thread(Restarted, tmp_path)
    port = int(running.endpoint.rpartition(":")[2])
    one = node(tmp_path, port)
    try:
        async with one.running() as reporter:
            for place in range(BATCHES):
                await reporter.report(report(finding(Outcome.FAIL, 7), age_s=30 * (BATCHES - place)), GPU)
                if place == BATCHES // 2:
                    await asyncio.to_thread(running.kill)
            await until(lambda: one.metrics.values[metrics.GRPC_ERRORS, "unavailable"] >= 1)
            await asyncio.to_thread(running.start)
            await until(lambda: one.metrics.values[metrics.BUFFER_DEPTH,] == 0)

        assert await counted(port) == (0, BATCHES)
    finally:
        await asyncio.to_thread(running.stop)


async def test_it_is_known_by_its_certificate(tmp_path):
    with secure_gateway(tmp_path) as running:
        port = int(running.endpoint.rpartition(":")[2])
        one = node(tmp_path, port, tls=running.tls(running.agent))
        async with one.running() as reporter:
            await reporter.report(report(finding(Outcome.FAIL, 7)), GPU)
            await sent_all(one, 1)

        async with await SentinelClient.aconnect(running.endpoint, tls_config=running.tls(running.operator)) as client:
            assert (await client.aquery_gpu_health(GPU.uuid)).probe_fail_count == 1


async def test_one_that_is_not_believed_waits_and_loses_nothing(tmp_path):
    with secure_gateway(tmp_path) as running:
        port = int(running.endpoint.rpartition(":")[2])
        one = node(tmp_path, port, tls=TlsConfig(str(running.authority.certificate)))
        async with one.running() as reporter:
            await reporter.report(report(finding(Outcome.FAIL, 7)), GPU)
            await until(lambda: sum(v for k, v in one.metrics.values.items() if k[0] == metrics.GRPC_ERRORS) >= 3)

        assert one.depth() == 1
