"""A whole node and a whole gateway: what the schedule finds on a GPU in software is known at the gateway."""

from __future__ import annotations

import asyncio

import pytest
from tests.sentinel_gateway.driving import settings as gateway_settings

from sentinel_gateway.app.running import running_gateway
from sentinel_node.app.loading import load
from sentinel_node.app.serve import running
from sentinel_node.device.opening import SOFTWARE_SMS, software_gpus
from sentinel_sdk import NotFoundError, SentinelClient
from sentinel_sdk.types import SmHealth

WITHIN_S = 60.0

pytestmark = pytest.mark.slow


async def test_scheduled_probes_give_every_sm_a_score_at_the_gateway(tmp_path):
    async with running_gateway(gateway_settings(tmp_path)) as gateway:
        endpoint = f"127.0.0.1:{gateway.grpc_port}"
        wanted = {
            "node_name": "gpu-7",
            "listen": "127.0.0.1:0",
            "metrics_listen": "",
            "software_gpus": 1,
            "gateway": endpoint,
            "gateway_plaintext": True,
            "buffer_dir": tmp_path / "buffer",
            "schedule": [{"probe": "fma", "period_seconds": 1, "timeout_seconds": 30}],
        }
        async with running(load({}, wanted)), await SentinelClient.aconnect(endpoint, tls_config=False) as client:
            scores = await _scores(client)

    assert {health.sm.sm_id for health in scores if health.sm} == set(range(SOFTWARE_SMS))


async def _scores(client: SentinelClient) -> list[SmHealth]:
    """As soon as the gateway has heard of every SM; results come in batches."""
    (gpu,) = software_gpus(1)
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                health = await client.aquery_gpu_health(gpu.uuid)
            except NotFoundError:
                await asyncio.sleep(0.05)
                continue
            if len(health.sm_health) == SOFTWARE_SMS:
                return list(health.sm_health)
            await asyncio.sleep(0.05)
