"""A quarantine at the gateway becomes an incident of the running agent, and its watch is looked at like any other."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.durability.conftest import scenario_text, staged
from tests.watch_sentinel.event_gateway import QUARANTINED, uuid

from gcm_sentinel.app.endpoints import checks_of
from gcm_sentinel.app.serving import DELIVERY, INVESTIGATION, Serving, open_serving
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.upkeep_plan import upkeep_of
from gcm_sentinel.storage.incident_views import IncidentFilter

__all__ = ["staged"]
pytestmark = pytest.mark.slow


async def opened(serving: Serving, node: str) -> str:
    """The incident about a node, once it is stored."""
    async with asyncio.timeout(60):
        while True:
            found = await serving.stores.incidents.list(IncidentFilter(node=node))
            if found:
                return str(found[0].record.id)
            await asyncio.sleep(0.05)


async def test_a_quarantine_is_an_incident_and_the_watch_is_visible(gateway, staged, tmp_path):
    async with staged(scenario_text(2)) as stage:
        gateway.gpu(1, "gpu-r01-n01")
        gateway.becomes(1, QUARANTINED)
        ours = {"sentinel_endpoint": gateway.endpoint, "sentinel_plaintext": True, "llm_api": "playbook"}
        settings = load({"kubeconfig": stage.fleet.kubeconfig, "state_dir": tmp_path / "state", **ours})
        stop = asyncio.Event()
        async with open_serving(settings) as serving:
            queues = (serving.engine.queue(INVESTIGATION), serving.engine.queue(DELIVERY))
            running = asyncio.create_task(serving.workflow.run(queues, stop, upkeep_of(serving)))
            incident = await opened(serving, "gpu-r01-n01")
            checks = {check.name: (await check.look()).ok for check in checks_of(serving, stop)}
            known = await serving.stores.triggers.wrong_now("sentinel")
            stop.set()
            await running
            await serving.engine.drain(timedelta(seconds=10))

    assert incident.startswith("inc-")
    assert [one.gpu_uuid for one in known] == [uuid(1)]
    assert checks.items() >= {"sentinel_alive": True, "sentinel_synced": True, "sentinel_intake": True}.items()
