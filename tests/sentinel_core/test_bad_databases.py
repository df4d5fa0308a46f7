"""Databases that are away, full, or do not answer: nothing half done, and all goes on when they are back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import Connection
from tests.postgres import PostgresServer
from tests.sentinel_core.gateway import AGENT, JANE, Place, asking, batch, execution, gpu
from tests.sentinel_core.test_what_is_recorded import executions

from sentinel_gateway.core.core import Core
from sentinel_gateway.core.round import Round
from sentinel_gateway.core.work import Work
from sentinel_gateway.domain.errors import Bug, Busy, Unavailable
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.settings import CoreSettings, QueueSettings
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.store import Store


async def passes(core: Core) -> int:
    return (await core.gpu_health(gpu().uuid)).probe_pass_count


async def send(core: Core, number: int) -> None:
    await core.report_probes(AGENT, batch(execution(number), sequence=number))


async def test_a_full_disk_takes_nothing_until_there_is_room(place: Place):
    async with place.running() as core:
        await send(core, 0)
        with core._store._database.writing() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        large = [execution(n, 2, n) for n in range(400)]
        with pytest.raises(Unavailable, match="full disk"):
            await core.report_probes(AGENT, batch(*large, sequence=1))
        assert await passes(core) == 1
        assert (await core.gpu_health(gpu().uuid)).probe_fail_count == 0

        with core._store._database.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        await core.report_probes(AGENT, batch(*large, sequence=1))
        assert (await core.gpu_health(gpu().uuid)).probe_fail_count == 400
    assert len(executions(place)) == 400


@contextmanager
def away(server: PostgresServer, url: str) -> Iterator[None]:
    """Nobody can reach the database."""
    name = url.rpartition("/")[2]
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


async def test_a_database_that_was_away_is_used_again(postgres_server: PostgresServer, postgres_url: str, tmp_path):
    place = Place(postgres_url, tmp_path)
    async with place.running() as core:
        await send(core, 0)
        with away(postgres_server, postgres_url):
            answers = await asyncio.gather(
                send(core, 1), core.issue(JANE, asking(Action.QUARANTINE, "d-1")), return_exceptions=True
            )
            assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
            assert await passes(core) == 1
        await send(core, 1)
        assert await passes(core) == 2
        assert (await core.issue(JANE, asking(Action.QUARANTINE, "d-1"))).resulting_state.name == "QUARANTINED"
    async with place.running() as core:
        assert await passes(core) == 2


class LosesAnswers(Store):
    """A store whose next commit is not answered: it arrived, or it did not."""

    def __init__(self, database: Database, *, arrives: bool) -> None:
        super().__init__(database)
        self._arrives = arrives
        self._loses = True

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        loses, self._loses = self._loses, False
        with super().writing() as connection:
            yield connection
            if loses and not self._arrives:
                connection.rollback()
        if loses:
            raise Unavailable("the connection broke")


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_commit_that_was_not_answered_is_looked_for(either: Place, *, arrives: bool):
    async with either.running() as core:
        await send(core, 0)
        core._journal._store = LosesAnswers(core._store._database, arrives=arrives)
        with pytest.raises(Unavailable):
            await core.report_probes(AGENT, batch(execution(1, 2), sequence=1))

        await core.report_probes(AGENT, batch(execution(1, 2), sequence=1))
        await core.report_probes(AGENT, batch(execution(2, 2), sequence=2))
        health = await core.gpu_health(gpu().uuid)
    async with either.running() as core:
        assert replace(await core.gpu_health(gpu().uuid), gpu=health.gpu) == health
    assert health.probe_fail_count == 2
    assert len(executions(either)) == 2


async def test_a_request_that_cannot_be_stored_fails_alone(either: Place):
    def impossible(round_: Round) -> None:
        known = round_.gpu(gpu(9))
        round_.put_gpu(replace(known, gpu_id=1 << 70))

    async with either.running() as core:
        answers = await asyncio.gather(
            send(core, 0), core._actor.ask(Work(impossible)), send(core, 1), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [type(None), Bug, type(None)]
        assert await passes(core) == 2


async def test_a_request_that_cannot_be_decided_fails_alone(place: Place):
    def broken(round_: Round) -> None:
        round_.put_gpu(replace(round_.gpu(gpu(9)), overstayed=True))
        raise ZeroDivisionError

    async with place.running() as core:
        answers = await asyncio.gather(
            send(core, 0), core._actor.ask(Work(broken)), send(core, 1), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [type(None), Bug, type(None)]
        assert await passes(core) == 2
        assert set(core._memory.gpus) == {gpu().uuid}


async def test_more_than_may_wait_is_refused_and_nothing_of_it_is_stored(place: Place):
    place.settings = CoreSettings(queue=QueueSettings(max_requests=5))
    async with place.running() as core:
        answers = await asyncio.gather(*(send(core, number) for number in range(20)), return_exceptions=True)

        refused = [answer for answer in answers if isinstance(answer, Busy)]
        assert refused
        assert await passes(core) == 20 - len(refused)


async def test_whoever_stops_waiting_stops_nobody_else(place: Place):
    async with place.running() as core:
        tasks = [asyncio.create_task(send(core, number)) for number in range(10)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

        assert await passes(core) in (9, 10)
        await send(core, 3)
        assert await passes(core) == 10


async def test_after_the_stop_nothing_is_taken(place: Place):
    async with place.running() as core:
        await send(core, 0)
        waiting = asyncio.create_task(send(core, 1))
        await asyncio.sleep(0)
        await core.stop()
        await waiting
        with pytest.raises(Unavailable, match="stopping"):
            await send(core, 2)
