"""Against the real gateway: a dead SM is reported by its agent, and an incident's triggers are stored, once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from tests.sentinel_gateway.driving import GPU, Client, batch, execution, neighbours
from tests.sentinel_gateway.driving import settings as gateway_settings
from tests.watch_sentinel.conftest import QUICK, until

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.storage.triggers import Triggers
from gcm_sentinel.watch.sentinel import SentinelWatcher
from gcm_sentinel.watch.sentinel_news import SOURCE
from sentinel_gateway.app.running import running_gateway

PASSED, FAILED = 1, 2
DEAD, SMS = 17, 40


class Place:
    """One gateway's folder and port; it runs when it is told to."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.endpoint = f"127.0.0.1:{probe.getsockname()[1]}"
        self._folder = folder
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        settings = gateway_settings(self._folder, {"grpc": {"listen": self.endpoint}})
        await self._stack.enter_async_context(running_gateway(settings))

    async def stop(self) -> None:
        await self._stack.aclose()

    async def sweeps(self, first: int, last: int) -> None:
        """Rounds over all SMs, ten minutes apart, of which one always computes wrong."""
        rounds = [(3000 - 600 * number, sm) for number in range(first, last) for sm in range(SMS)]
        results = [
            execution(FAILED if sm == DEAD else PASSED, sm=sm, age_s=age_s) for age_s, sm in rounds
        ] + neighbours()
        async with grpc.aio.insecure_channel(self.endpoint) as channel:
            ack = await Client(channel).report(batch(*results, sequence=first + 1))
        assert ack.accepted, ack.rejection_reason


@pytest.fixture
async def place(tmp_path) -> AsyncIterator[Place]:
    made = Place(tmp_path / "gateway")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def watch(place, database) -> AsyncIterator[Callable[[], list[str]]]:
    """A watch that stores what it finds: ``watch()`` tells what was new so far."""
    triggers, client = Triggers(database), SentinelGateway(Access(place.endpoint, plaintext=True))
    watcher = SentinelWatcher(client, clock=SystemClock(), pace=QUICK, lasting=timedelta(seconds=30))
    lines: list[str] = []

    async def run() -> None:
        async with aclosing(watcher.batches()) as batches:
            async for found in batches:
                if await triggers.store_followed(found):
                    lines.extend(f"{one.kind} {one.reason} {one.gpu_uuid}" for one in found.triggers)

    task = asyncio.create_task(run())
    await until(lambda: watcher.synced)
    yield lambda: lines
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await client.aclose()


async def test_a_dead_sm_becomes_triggers_about_its_gpu(place, watch, database):
    await place.sweeps(0, 5)

    await until(lambda: f"SentinelGpuState Quarantined {GPU}" in watch())
    await until(lambda: any(line.startswith("SentinelSmLocalized ") for line in watch()))

    assert [one.gpu_uuid for one in await Triggers(database).wrong_now(SOURCE)][:1] == [GPU]


async def test_what_happens_while_the_gateway_restarts_is_told_once(place, watch):
    await place.sweeps(0, 1)
    await place.stop()
    await place.start()

    await place.sweeps(1, 5)

    await until(lambda: f"SentinelGpuState Quarantined {GPU}" in watch())
    assert watch().count(f"SentinelGpuState Quarantined {GPU}") == 1
