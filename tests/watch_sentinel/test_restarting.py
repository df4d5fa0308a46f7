"""Whoever restarts, gateway or agent, at whatever moment: nothing is lost and nothing is told twice."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from tests.watch_sentinel.conftest import until
from tests.watch_sentinel.event_gateway import HEALTHY, QUARANTINED, SUSPECT

from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import triggers
from gcm_sentinel.storage.triggers import Triggers


async def stored(database: Database) -> int:
    async with database.reading() as connection:
        return int(await connection.scalar(select(func.count()).select_from(triggers)) or 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/incidents.db"
    return str(request.getfixturevalue("postgres_url"))


async def test_an_agent_that_was_away_hears_what_happened_once(gateway, start, database):
    gateway.gpu(1)
    gateway.gpu(2, "gpu-2")
    first = await start()
    await first.until_at(gateway)
    gateway.becomes(1, SUSPECT, 1)
    await first.until_at(gateway)
    await first.stop()

    gateway.becomes(1, QUARANTINED, 2)
    gateway.becomes(2, SUSPECT, 3)
    second = await start()

    assert await second.until_at(gateway) == [
        "gpu-1 SentinelGpuState problem Quarantined",
        "gpu-2 SentinelGpuState problem Suspect",
    ]
    assert (await stored(database), second.new) == (3, 2)


async def test_the_database_itself_was_closed_and_opened_again(gateway, database_url, clock):
    from tests.watch_sentinel.conftest import Agent

    gateway.gpu(1)
    for state, minute in ((SUSPECT, 1), (QUARANTINED, 2), (HEALTHY, 3)):
        async with Database.open(database_url, clock=clock) as opened:
            agent = await Agent(gateway, opened, clock).start()
            gateway.becomes(1, state, minute)
            await agent.until_at(gateway)
            await agent.stop()
            assert await Triggers(opened).followed_to("sentinel") == gateway.head

    async with Database.open(database_url, clock=clock) as opened:
        assert await stored(opened) == 3
        assert await Triggers(opened).wrong_now("sentinel") == ()


async def test_what_was_told_and_not_stored_is_told_again(gateway, start, database):
    gateway.gpu(1)
    agent = await start()
    await agent.until_at(gateway)
    await agent.stop()
    gateway.becomes(1, SUSPECT, 1)

    batches = agent.watcher.batches()
    found = await anext(batches)
    await batches.aclose()

    assert [one.reason for one in found.triggers] == ["Suspect"]
    assert agent.watcher.position == gateway.head - 1
    assert len(await (await start()).until_at(gateway)) == 1


async def test_a_gateway_that_restarts_on_its_port_is_followed_on(gateway, start, database):
    gateway.gpu(1)
    agent = await start()
    await agent.until_at(gateway)

    await gateway.stop()
    await until(lambda: agent.watcher.problem is not None)
    gateway.becomes(1, SUSPECT, 1)
    await gateway.start()
    await agent.until_at(gateway)
    gateway.becomes(1, QUARANTINED, 2)

    assert [line.split()[-1] for line in await agent.until_at(gateway)] == ["Suspect", "Quarantined"]
    assert await stored(database) == 2
    assert gateway.followed[-1] == 0


async def test_two_replicas_store_everything_once(gateway, start, database):
    gateway.gpu(1)
    one, other = await start(), await start()
    await one.until_at(gateway)
    await other.until_at(gateway)

    gateway.becomes(1, SUSPECT, 1)
    gateway.becomes(1, QUARANTINED, 2)
    await one.until_at(gateway)
    await other.until_at(gateway)

    assert (await stored(database), one.new + other.new) == (2, 2)
