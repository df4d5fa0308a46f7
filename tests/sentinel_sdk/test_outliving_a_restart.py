"""A gateway that is stopped, or killed, and comes back at the same address: nothing is lost, nothing counts twice."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing, closing
from uuid import uuid4

import pytest
from tests.sentinel_sdk.gateway import Restarted, executions, report_probes
from tests.sentinel_sdk.scripted import eventually

from sentinel_sdk import SentinelClient
from sentinel_sdk.types import ProbeResult, ProbeResultBatch

pytestmark = pytest.mark.slow
BATCHES = 400


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Restarted(tmp_path_factory.mktemp("restarted"))
    yield gateway
    gateway.stop()


@pytest.fixture(params=["kill", "stop"])
def restart(request, gateway):
    """Takes the gateway away in one of two ways, and brings it back a moment later."""

    def away():
        getattr(gateway, request.param)()
        gateway.start()

    return away


def passed(endpoint, uuid):
    with SentinelClient.connect(endpoint) as client:
        return client.query_gpu_health(uuid).probe_pass_count


def batches(uuid):
    return [ProbeResultBatch(executions=[one]) for one in executions(uuid, [ProbeResult.PASS] * BATCHES)]


@pytest.mark.parametrize("face", ["blocking", "asynchronous"])
async def test_every_batch_is_stored_once(gateway, restart, face):
    uuid, acks = f"GPU-{uuid4()}", []
    away: asyncio.Future[None] | None = None

    async def on(ack):
        nonlocal away
        acks.append(ack)
        if len(acks) == 50:
            away = asyncio.ensure_future(asyncio.to_thread(restart))

    if face == "blocking":
        loop = asyncio.get_running_loop()

        def send():
            with SentinelClient.connect(gateway.endpoint) as client, client.probe_stream(f"node-{uuid}") as stream:
                for ack in stream.send_all(batches(uuid), window=32):
                    asyncio.run_coroutine_threadsafe(on(ack), loop).result()

        await asyncio.to_thread(send)
    else:
        async with (
            await SentinelClient.aconnect(gateway.endpoint) as client,
            client.aprobe_stream(f"node-{uuid}") as stream,
        ):
            async for ack in stream.send_all(batches(uuid), window=32):
                await on(ack)
    assert away is not None
    await away

    assert [(ack.sequence_number, ack.accepted, ack.rejection_reason) for ack in acks] == [
        (number, True, "") for number in range(1, BATCHES + 1)
    ]
    assert await asyncio.to_thread(passed, gateway.endpoint, uuid) == BATCHES


async def test_calls_go_on_as_if_nothing_had_happened(gateway, restart):
    async with await SentinelClient.aconnect(gateway.endpoint) as client:
        await client.aquery_fleet_health()
        away = asyncio.ensure_future(asyncio.to_thread(restart))
        while not away.done():
            await client.aquery_fleet_health()
        await away


def test_directives_take_effect_once_and_who_follows_them_misses_none(gateway, restart):
    uuid, heard = f"GPU-{uuid4()}", []
    with SentinelClient.connect(gateway.endpoint) as client:
        report_probes(client, uuid, passes=1)
        follower = SentinelClient.connect(gateway.endpoint)
        following = threading.Thread(target=follower.stream_events, args=(lambda one: heard.append(one.directive_id),))
        following.start()
        while not heard:
            client.condemn_gpu(uuid, "until somebody listens")
        away = threading.Thread(target=restart)
        away.start()

        issued = [client.quarantine_gpu(uuid, "r").directive_id, client.reinstate_gpu(uuid, "r").directive_id]
        away.join()
        issued.append(client.quarantine_gpu(uuid, "afterwards").directive_id)

        assert eventually(lambda: heard[-1] == issued[-1])
        follower.close()
        following.join(10)
    assert heard[-3:] == issued
    assert len(heard) == len(set(heard))


@pytest.mark.parametrize("face", ["blocking", "asynchronous"])
async def test_who_follows_everything_misses_nothing(gateway, restart, face):
    uuid = f"GPU-{uuid4()}"
    positions: list[int] = []
    following = asyncio.ensure_future(_followed(face, gateway.endpoint, positions))
    async with await SentinelClient.aconnect(gateway.endpoint) as client:
        await asyncio.to_thread(_report, gateway.endpoint, uuid)
        assert await asyncio.to_thread(eventually, lambda: bool(positions))
        away = asyncio.ensure_future(asyncio.to_thread(restart))
        issued = [(await client.aquarantine_gpu(uuid, "r")).directive_id]
        issued.append((await client.areinstate_gpu(uuid, "r")).directive_id)
        await away
        issued.append((await client.aquarantine_gpu(uuid, "the last")).directive_id)
    heard = await asyncio.wait_for(following, 30)

    assert [one for one in heard if one in issued] == issued
    assert positions == list(range(positions[0], positions[0] + len(positions)))


def _report(endpoint, uuid):
    with SentinelClient.connect(endpoint) as client:
        report_probes(client, uuid, passes=1)


async def _followed(face, endpoint, positions):
    """The ids of directives until the last one; positions of everything."""
    heard: list[str] = []

    def is_last(event):
        positions.append(event.position)
        if event.directive is not None:
            heard.append(event.directive.directive.directive_id)
        return event.directive is not None and event.directive.directive.reason == "the last"

    if face == "asynchronous":
        async with (
            await SentinelClient.aconnect(endpoint) as client,
            aclosing(client.afollow_events(from_now=True)) as on,
        ):
            async for event in on:
                if is_last(event):
                    return heard

    def follow(client):
        with closing(client.follow_events(from_now=True)) as events:
            return next((heard for event in events if is_last(event)), heard)

    with SentinelClient.connect(endpoint) as client:  # closed where the test fails: no thread waits for ever
        return await asyncio.to_thread(follow, client)
