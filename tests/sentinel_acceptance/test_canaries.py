"""Canaries that the gateway schedules: who dissents again with other partners is quarantined, who did once is not.

The hosts follow `FollowCanaries` and compute; what they compute is the test's. Each canary is answered by the host of
its first GPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
from tests.sentinel_acceptance.place import Agent, Fleet
from tests.sentinel_gateway.people import ROLES

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.domain.access import token_digest
from sentinel_sdk import SentinelClient, types

pytestmark = pytest.mark.slow

INTERVAL_S = 600
SMS = 2
HOSTS = tuple(f"node-{number}" for number in range(8))


@pytest.fixture
def groups() -> Groups:
    """Every host has a token of its own."""
    roles = {**ROLES, **dict.fromkeys(HOSTS, ROLES["agent"])}
    tokens = [{"name": name, "sha256": token_digest(name), "roles": held} for name, held in roles.items()]
    return {"access": {"tokens": tokens}}


@pytest.fixture
async def hosts(fleet: Fleet) -> list[Agent]:
    """Eight hosts with two GPUs each, known and healthy."""
    agents = [await fleet.host(name, gpus=2, sms=SMS) for name in HOSTS]
    for agent in agents:
        await agent.sweep()
    return agents


@pytest.fixture
async def canaries(fleet: Fleet, hosts: list[Agent]) -> AsyncIterator[AsyncGenerator[types.TmrRequest]]:
    async with aclosing(fleet.clients["agent"].afollow_canaries()) as followed:
        yield followed


async def round_of(fleet: Fleet, canaries: AsyncGenerator[types.TmrRequest]) -> list[types.TmrRequest]:
    """The canaries of the next interval: sixteen GPUs make five."""
    await fleet.passes(INTERVAL_S)
    first = asyncio.ensure_future(anext(canaries))
    async with asyncio.timeout(20):
        while not first.done():  # where nobody followed yet, they are due as soon as somebody does
            await fleet.passes(0)
            await asyncio.wait({first}, timeout=0.01)
        return [await first, *[await anext(canaries) for _ in range(4)]]


async def answered(fleet: Fleet, request: types.TmrRequest, *wrong: str) -> types.TmrVerdict:
    """The three compute the same, but those whose UUIDs are `wrong`."""
    results = [
        types.TmrGpuResult(gpu=gpu, output_fingerprint=b"x" * 32 if gpu.uuid in wrong else b"y" * 32, success=True)
        for gpu in request.gpus
    ]
    endpoint, token = f"127.0.0.1:{fleet.gateway.grpc_port}", request.gpus[0].hostname
    async with await SentinelClient.aconnect(endpoint, tls_config=False, token=token) as client:
        return await client.areport_tmr_result(types.TmrResult(canary_id=request.canary_id, results=results))


async def rounds(fleet: Fleet, canaries: AsyncGenerator[types.TmrRequest], bad: str, most: int) -> list[set[str]]:
    """Rounds in which a GPU always computes wrong, until it is out of use; its partners in each it took part in."""
    partners: list[set[str]] = []
    for _ in range(most):
        for request in await round_of(fleet, canaries):
            uuids = {gpu.uuid for gpu in request.gpus}
            verdict = await answered(fleet, request, bad)
            if bad in uuids:
                assert verdict.dissenting_gpu
                assert verdict.dissenting_gpu.uuid == bad
                partners.append(uuids - {bad})
        if (await fleet.health(types.GpuIdentifier(uuid=bad))).state.name not in ("HEALTHY", "SUSPECT"):
            break
    return partners


async def test_a_gpu_that_dissents_again_with_other_partners_is_quarantined(fleet: Fleet, hosts, canaries):
    bad = hosts[2].gpus[1]

    partners = await rounds(fleet, canaries, bad.uuid, 8)

    assert "QUARANTINED" in await fleet.states(bad)
    assert not partners[0] & partners[-1]
    graph = await fleet.clients["olga"].aget_trust_graph()
    scores = {e.trust_score for e in graph.edges if e.gpu_a and e.gpu_b and bad.uuid in (e.gpu_a.uuid, e.gpu_b.uuid)}
    assert scores == {0.0}


async def test_nobody_who_voted_with_it_is_blamed(fleet: Fleet, hosts, canaries):
    bad = hosts[2].gpus[1]

    await rounds(fleet, canaries, bad.uuid, 8)

    others = [gpu for agent in hosts for gpu in agent.gpus if gpu.uuid != bad.uuid]
    assert {await fleet.state(gpu) for gpu in others} == {"HEALTHY"}


async def test_a_dissent_that_does_not_repeat_quarantines_nobody(fleet: Fleet, hosts, canaries):
    first, *others = await round_of(fleet, canaries)
    once = first.gpus[0]
    await answered(fleet, first, once.uuid)

    for _ in range(4):
        for request in others:
            await answered(fleet, request)
        others = await round_of(fleet, canaries)

    assert await fleet.states(once) == ["SUSPECT"]
    assert await fleet.directives(once) == []


async def test_who_may_report_cannot_choose_whom_to_blame(fleet: Fleet, hosts, canaries):
    first, *_ = await round_of(fleet, canaries)
    alone = first.gpus[0]

    for number in range(5):
        again = first.model_copy(update={"canary_id": f"{first.canary_id}-{number}"})
        await answered(fleet, again, alone.uuid)

    assert await fleet.states(alone) == []
    assert await fleet.directives(alone) == []
