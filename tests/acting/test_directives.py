"""From a proposal to a GPU in quarantine: an agent, a fleet and a real gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from tests.acting.conftest import action, decision, question, until
from tests.sentinel_gateway.driving import GPU, Client, batch, execution, neighbours
from tests.sentinel_gateway.driving import settings as gateway_settings

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.transcript import SUBMIT_TOOL
from gcm_sentinel.llm.scripted import calling
from sentinel.ext.v1 import directives_pb2
from sentinel_gateway.app.running import running_gateway

pytestmark = pytest.mark.slow

DONE, WAITING_THERE = ActionState.DONE, 1


@pytest.fixture
async def gateway(site, tmp_path) -> AsyncIterator[Client]:
    async with running_gateway(gateway_settings(tmp_path / "gateway")) as running:
        endpoint = f"127.0.0.1:{running.grpc_port}"
        site.settings.update(sentinel_endpoint=endpoint, sentinel_plaintext=True, sentinel_watch=False)
        async with grpc.aio.insecure_channel(endpoint) as channel:
            client = Client(channel)
            results = [execution(), *neighbours()]
            for number, one in enumerate(results):
                one.sm.gpu.hostname, one.sm.gpu.device_index = site.node, number + 3
            await client.report(batch(*results, host=site.node))
            yield client


def asks(site, tool, advice, gpu=GPU):
    """A model that looks at the GPUs, asks for `tool` on the usual one, which it calls `gpu`, and advises `advice`."""
    look = calling(("get_sentinel_gpu_health", {"node_name": site.node}))
    ask = calling((tool, {"gpu_uuid": gpu, "node_name": site.node, "reason": "wrong sums"}))
    return site.model(look, ask, calling((SUBMIT_TOOL, site.verdict(advice, gpu=gpu))))


async def directives(gateway):
    return (await gateway.directives.ListDirectives(directives_pb2.ListDirectivesRequest())).directives


@pytest.mark.parametrize("called", [GPU, "GPU 3"])
async def test_execute_quarantines_the_gpu_and_nothing_else(site, gateway, called):
    async with site.serving("execute", asks(site, "quarantine_gpu", "quarantine-gpu", called)) as stores:
        record = await action(stores, DONE)

    (found,) = await directives(gateway)
    assert record.note == "the gateway reports the GPU QUARANTINED"
    assert (found.directive.gpu.uuid, found.directive.directive_id) == (GPU, record.order.handle)
    assert site.writes == []


async def test_a_condemnation_asks_a_person_here_and_one_at_the_gateway(site, gateway):
    async with site.serving("execute", asks(site, "condemn_gpu", "rma")) as stores:
        asked = await question(stores)
        assert list(await directives(gateway)) == []
        await stores.approvals.decide(asked.id, decision(asked))

        async def waits():
            return [one for one in await directives(gateway) if one.status == WAITING_THERE]

        (found,) = await until(waits)
        decided = directives_pb2.DecideDirectiveRequest(directive_id=found.directive.directive_id, approve=True)
        await gateway.directives.DecideDirective(decided)
        record = await action(stores, DONE)

    assert record.note == "the gateway reports the GPU CONDEMNED"
