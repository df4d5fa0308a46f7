"""Two replicas on one PostgreSQL investigate each incident once, and the work of a dead one goes on in the other."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.durability.conftest import Stage, scenario_text, stop

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.domain.incident_record import InvestigationState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MANY = 100
TAKE_OVER_S = 30.0
APART = {"FOLD_MIN_NODES": "1000", "MAX_CONCURRENT": "4"}
"""So that a hundred equal faults stay a hundred incidents."""


async def until(stage: Stage, incidents: int) -> None:
    async with asyncio.timeout(400):
        while not await stage.all_delivered(incidents):  # noqa: ASYNC110 - another process tells nobody when it is done
            await asyncio.sleep(0.5)


def each_once(stage: Stage, incidents: int) -> None:
    assert len(stage.outside.webhooks) == incidents
    assert len(stage.events) == incidents
    assert len({incident for incident, _ in stage.outside.turns}) == incidents


async def test_a_hundred_incidents_are_investigated_once_each(staged, postgres_url):
    async with staged(scenario_text(MANY), database_url=postgres_url, **APART) as stage:
        stage.break_nodes(MANY)
        replicas = [await stage.start(name=f"replica-{number}") for number in (1, 2)]

        await until(stage, MANY)

        each_once(stage, MANY)
        assert set(stage.outside.turns.values()) == {1}
        async with open_stores(postgres_url, SystemClock()) as stores:
            rows = await stores.incidents.list()
        assert len(rows) == MANY
        assert {row.record.investigation for row in rows} == {InvestigationState.DONE}
        assert [await stop(replica) for replica in replicas] == [0, 0]


async def test_the_work_of_a_killed_replica_is_finished_by_the_other_within_thirty_seconds(staged, postgres_url):
    async with staged(scenario_text(2), database_url=postgres_url) as stage:
        doomed = await stage.start(kill_after=5, name="doomed")
        await asyncio.wait_for(doomed.wait(), 120)
        recorded = len(stage.journal)
        heir = await stage.start(name="heir")
        died_at = time.monotonic()

        async with asyncio.timeout(120):
            while len(stage.journal) == recorded:  # noqa: ASYNC110 - a file another process writes
                await asyncio.sleep(0.2)
        moved_after_s = time.monotonic() - died_at
        await until(stage, 1)
        await stop(heir)

        each_once(stage, 1)
        assert set(stage.outside.turns.values()) == {1}
        assert moved_after_s < TAKE_OVER_S
