"""Whatever befalls the API server, the connection, the clocks, the database or the agent: what is stored in the end is
what an undisturbed agent would have stored, nothing lost and nothing twice.

In some rounds history is lost (410, a restart). Then a node that changed twice can only be known by where it ended up,
in any design; so in those rounds a node changes once.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.watch.chaos import TIMES, Agent, FileStorage, Fleet, Row, SetStorage, SteppingClock, Storage, Weather
from tests.watch.conftest import Cluster, open_cluster, until

import gcm_sentinel.watch.kubernetes as watching
from gcm_sentinel.clients.kubernetes import KubernetesClient
from gcm_sentinel.domain.incident_record import Symptom
from gcm_sentinel.storage.database import Database
from sentinel_fleet.kube import KubeSettings

pytestmark = pytest.mark.slow

ROUNDS = 6


@pytest.fixture(autouse=True)
def lists_of_several_pages(monkeypatch):
    monkeypatch.setattr(watching, "_PAGE", 3)


@dataclass
class Life:
    """One seed's fleet and agent, and what is left of them."""

    cluster: Cluster
    fleet: Fleet
    agent: Agent
    weather: Weather | None
    rng: random.Random
    rows: tuple[Row, ...] = ()
    wrong: tuple[Symptom, ...] = ()

    async def pass_by(self) -> None:
        """Some rounds of changes; between them all that happened is stored."""
        await self.agent.begin()
        for _ in range(ROUNDS):
            await self.quiet()
            await self.a_round()
            self.agent.away_s, self.cluster.faults.kubernetes = 0.0, None
        await self.quiet()
        await self.agent.crash()
        self.rows = tuple(await self.agent.storage.everything())
        self.wrong = tuple(await self.agent.storage.wrong_now("kubernetes"))

    async def quiet(self) -> None:
        """Wait until everything that happened is stored and the watch follows again."""
        enough = len(self.fleet.rows)
        await until(
            lambda: self.agent.stored >= enough and self.agent.watcher.synced and self.cluster.store.open_watches > 0,
            within_s=20,
        )

    async def a_round(self) -> None:
        forgetful = self.rng.random() < 0.6
        untouched = {f"gpu-{number}" for number in range(12)} if forgetful else None
        for _ in range(self.rng.randrange(4, 14)):
            self.fleet.change(untouched)
            if self.weather is not None and self.rng.random() < 0.5:
                await self.weather.strike(forgetful=forgetful)
            await asyncio.sleep(self.rng.choice([0, 0, 0.001, 0.005]))

    def check(self) -> None:
        expected, found = Counter(self.fleet.rows), Counter(self.rows)
        assert (expected - found, found - expected) == (Counter(), Counter())
        wrong = {(symptom.node_uid, symptom.kind, str(symptom.status), symptom.since) for symptom in self.wrong}
        assert wrong == set(self.fleet.wrong.values())
        assert self.agent.seen_twice == 0


def database_threads() -> set[threading.Thread]:
    """One whose work was cancelled still reports to the event loop, which must be there to hear it."""
    return {thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name}


@asynccontextmanager
async def world(folder: Path, rng: random.Random):
    """An API server, a client, and a clock."""
    settings = KubeSettings(bookmark_interval_s=0.02, expired_watch_as_status=rng.random() < 0.5)
    async with open_cluster(folder, settings) as cluster:
        timeout = timedelta(milliseconds=200)
        connecting = KubernetesClient.connect(kubeconfig=cluster.kubeconfig, timeout=timeout, watch_times=TIMES)
        async with aclosing(await connecting) as client:
            yield cluster, client


async def live(seed: int, folder: Path, *, disturbed: bool = True, on_disk: bool = False, rough: bool = True) -> Life:
    rng = random.Random(seed)  # noqa: S311 - weather, not cryptography
    of_others = database_threads()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(until, lambda: database_threads() <= of_others, within_s=40)
        cluster, client = await stack.enter_async_context(world(folder, rng))
        clock = SteppingClock()
        storage: Storage = SetStorage()
        if on_disk:
            opening = Database.open(f"sqlite:///{folder / 'state.db'}", clock=clock)
            storage = FileStorage(await stack.enter_async_context(opening))
        agent = Agent(client, storage, clock)
        weather = Weather(cluster, agent, rng, rough) if disturbed else None
        life = Life(cluster, Fleet(cluster, rng, clocks_step=rough), agent, weather, rng)
        await life.pass_by()
    return life


FAST = range(4)
"""The other blocks of seeds are slow because there are many; each is as quick as these."""


@pytest.mark.parametrize("block", [*FAST, *(pytest.param(more, marks=pytest.mark.slow) for more in range(4, 10))])
async def test_what_is_stored_is_what_an_undisturbed_agent_would_have_stored(tmp_path, block):
    seeds = range(block * 6, block * 6 + 6)

    folders = [tmp_path / str(seed) for seed in seeds]
    for folder in folders:
        folder.mkdir()

    lives = await asyncio.gather(*(live(seed, folder) for seed, folder in zip(seeds, folders, strict=True)))

    for life in lives:
        life.check()


@pytest.mark.parametrize("seed", range(100, 106))
async def test_so_it_is_with_the_storage_the_agent_has(tmp_path, seed):
    life = await live(seed, tmp_path, on_disk=True, rough=False)

    life.check()


@pytest.mark.parametrize("seed", range(200, 204))
async def test_so_it_is_when_clocks_step_and_the_agent_dies_while_it_stores(tmp_path, seed):
    life = await live(seed, tmp_path, on_disk=True)

    life.check()


@pytest.mark.parametrize("seed", range(3))
async def test_the_account_kept_by_the_tests_is_that_of_an_undisturbed_agent(tmp_path, seed):
    life = await live(seed, tmp_path, disturbed=False)

    life.check()
    assert len(life.rows) > 20
