"""A gateway with a log of events, a database, and an agent's watch that stores what it finds and can be restarted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from tests.postgres import postgres_server, postgres_url
from tests.watch_sentinel.event_gateway import EventGateway, serving

from gcm_sentinel.clients.sentinel import Access, SentinelGateway
from gcm_sentinel.domain.trigger import Followed, Trigger
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.triggers import Triggers
from gcm_sentinel.triage.topology import FleetTopology
from gcm_sentinel.watch.pace import Pace
from gcm_sentinel.watch.sentinel import FOLLOWED_FOR, SentinelWatcher
from gcm_sentinel.watch.sentinel_news import SOURCE

__all__ = ["postgres_server", "postgres_url"]

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
QUICK = Pace(first=timedelta(milliseconds=2), longest=timedelta(milliseconds=20))
DEADLINE_S = 15.0


class MovableClock:
    """Wall time moves when a test moves it."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return time.monotonic()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; it is looked at every few milliseconds."""
    never = asyncio.Event()
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            with suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), 0.003)


class Agent:
    """One life of an agent's watch: it begins where storage says, and stores what it finds."""

    def __init__(self, gateway: EventGateway, database: Database, clock: MovableClock) -> None:
        self._database = database
        self._clock = clock
        self.fleet = FleetTopology()
        self.client = SentinelGateway(Access(gateway.endpoint, plaintext=True))
        self.told: list[Trigger] = []
        self.new = 0
        """Triggers that storage did not know."""
        self.watcher: SentinelWatcher | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, lasting: timedelta = FOLLOWED_FOR) -> Agent:
        triggers = Triggers(self._database)
        self.watcher = SentinelWatcher(
            self.client, clock=self._clock, position=await triggers.followed_to(SOURCE),
            known=await triggers.wrong_now(SOURCE), observer=self.fleet, pace=QUICK, lasting=lasting,
        )  # fmt: skip
        self._task = asyncio.create_task(self._run(triggers.store_followed))
        return self

    async def _run(self, store: Callable[[Followed], Awaitable[int]]) -> None:
        assert self.watcher is not None
        async with aclosing(self.watcher.batches()) as batches:
            async for found in batches:
                self.new += await store(found)
                self.told += found.triggers

    async def until_at(self, gateway: EventGateway) -> list[str]:
        """Wait until the gateway's log was followed to its end; what was told."""
        await until(lambda: self.watcher is not None and self.watcher.synced and self.watcher.position == gateway.head)
        await until(lambda: gateway.followers > 0)
        return self.lines

    @property
    def lines(self) -> list[str]:
        return [f"{one.node} {one.kind} {one.status} {one.reason}" for one in self.told]

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.client.aclose()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def gateway() -> AsyncIterator[EventGateway]:
    async with serving(EventGateway()) as made:
        yield made


@pytest.fixture
def database_url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/incidents.db"


@pytest.fixture
async def database(database_url, clock) -> AsyncIterator[Database]:
    async with Database.open(database_url, clock=clock) as opened:
        yield opened


@pytest.fixture
async def start(gateway, database, clock) -> AsyncIterator[Callable[..., Awaitable[Agent]]]:
    """Begin a life of the agent: ``agent = await start()``."""
    agents: list[Agent] = []

    async def begin(**choices: timedelta) -> Agent:
        agents.append(Agent(gateway, database, clock))
        return await agents[-1].start(**choices)

    yield begin
    for agent in agents:
        await agent.stop()
