"""A replica is heard from its first job to its last, and judges the others only when it could have heard them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta

import pytest
from tests.durability.conftest import scenario_text
from tests.storage.conftest import MovableClock

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life.hearing import Hearing
from gcm_sentinel.app.life.upkeep import DEAD_AFTER, Periodic, beside
from gcm_sentinel.app.serving import open_serving
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.stores import IN_MEMORY, open_stores
from gcm_sentinel.app.upkeep_plan import Replica

BEAT = timedelta(seconds=4)


class Adoptions(list[str]):
    """The replicas whose work was taken over."""

    async def adopt(self, executor_ids: Collection[str]) -> int:
        self.extend(executor_ids)
        return 0


async def beat_for(replica: Replica, clock: MovableClock, span: timedelta) -> None:
    """Beats as they come while nothing is wrong."""
    for _ in range(span // BEAT + 1):
        await replica.beat()
        clock.move(BEAT)


async def test_a_replica_that_fell_silent_is_taken_over():
    clock, adopted = MovableClock(), Adoptions()
    async with open_stores(IN_MEMORY, clock) as stores:
        await stores.executors.beat("other")

        await beat_for(Replica(stores.executors, adopted, "this", Hearing(clock)), clock, DEAD_AFTER + BEAT)

        assert adopted == ["other"]


async def test_nobody_is_taken_over_for_a_silence_in_which_nobody_could_be_heard():
    clock, adopted = MovableClock(), Adoptions()
    async with open_stores(IN_MEMORY, clock) as stores:
        replica = Replica(stores.executors, adopted, "this", Hearing(clock))
        await replica.beat()
        await stores.executors.beat("alive")
        await stores.executors.beat("dead")
        clock.move(timedelta(minutes=5))

        await replica.beat()
        await stores.executors.beat("alive")

        assert adopted == []
        await beat_for(replica, clock, timedelta(seconds=12))
        await stores.executors.beat("alive")
        await beat_for(replica, clock, timedelta(seconds=12))
        await stores.executors.beat("alive")
        await beat_for(replica, clock, timedelta(seconds=4))
        assert adopted == ["dead"]


async def test_upkeep_goes_on_beside_the_draining_and_ends_with_it():
    beats, enough = 0, asyncio.Event()

    async def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            enough.set()

    async def drain() -> str:
        await enough.wait()
        return "left"

    assert await asyncio.wait_for(beside((Periodic("heartbeat", beat, 0.0, SystemClock()),), drain()), 10) == "left"
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.timeout(120)
async def test_a_replica_is_known_before_it_takes_its_first_job(staged, postgres_url):
    async with staged(scenario_text(2)) as stage:
        settings = load({"kubeconfig": stage.fleet.kubeconfig, "database_url": postgres_url, "llm_api": "playbook"})

        async with open_serving(settings) as serving:
            known = await serving.stores.executors.dead(-timedelta(minutes=1))

        assert known == (serving.place.executor,)
