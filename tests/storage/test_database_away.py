"""A database that goes away takes nothing with it, and is used again when it is back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from sqlalchemy import func, insert, select
from tests.postgres import PostgresServer
from tests.storage.deciding import Triage, observed

from gcm_sentinel.domain.errors import Retryable, Unreachable
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import executors

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server the tests may stop, and start again."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest_asyncio.fixture(loop_scope="session")
async def database(server, clock) -> AsyncIterator[Database]:
    """A database on that server."""
    async with Database.open(server.url(server.create_database()), clock=clock) as opened:
        yield opened


async def test_every_request_says_that_it_is_away_until_it_is_back(server, database):
    triage = Triage(database)
    await triage.tell(observed())
    server.stop()

    for _ in range(2):
        with pytest.raises(Unreachable, match="cannot be reached"):
            await database.ping()
        with pytest.raises(Unreachable, match="cannot be reached"):
            await triage.tell(observed(node="gpu-2"))

    server.start()
    assert await triage.tell(observed(), observed(node="gpu-2")) == 1


async def test_a_transaction_cut_in_the_middle_leaves_nothing_half_done(server, database):
    async def write_two() -> None:
        async with database.serialised() as connection:
            await connection.execute(insert(executors).values(id="a", started_at=1, beat_at=1))
            server.stop()
            await connection.execute(insert(executors).values(id="b", started_at=1, beat_at=1))

    with pytest.raises(Unreachable):
        await write_two()
    server.start()

    async with database.writing() as connection:
        assert await connection.scalar(select(func.count()).select_from(executors)) == 0


async def test_a_replica_that_dies_in_its_decision_does_not_keep_the_others_waiting(server, database, clock):
    name = database.name.rpartition("/")[2]
    deciding = asyncio.Event()

    async def die() -> None:
        async with Database.open(server.url(name), clock=clock) as other, other.serialised():
            deciding.set()
            await asyncio.Event().wait()

    other = asyncio.create_task(die())
    await deciding.wait()
    waiting = asyncio.create_task(Triage(database).tell(observed()))
    other.cancel()

    assert await asyncio.wait_for(waiting, 20) == 1
    await asyncio.gather(other, return_exceptions=True)


async def test_a_cancelled_transaction_stores_nothing(tmp_path, clock):
    async with Database.open(f"sqlite:///{tmp_path}/incidents.db", clock=clock) as opened:
        written = asyncio.Event()

        async def write() -> None:
            async with opened.writing() as connection:
                await connection.execute(insert(executors).values(id="a", started_at=1, beat_at=1))
                written.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(write())
        await written.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        async with opened.writing() as connection:
            assert await connection.scalar(select(func.count()).select_from(executors)) == 0


async def test_a_full_disk_stores_nothing_of_the_batch_and_says_so(tmp_path, clock):
    async with Database.open(f"sqlite:///{tmp_path}/incidents.db", clock=clock, max_pool=1) as opened:
        async with opened.writing() as connection:
            pages = await connection.exec_driver_sql("PRAGMA page_count")
            await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages.scalar()}")
        triage = Triage(opened)

        with pytest.raises(Retryable, match="has no space left on its disk: .*; free or enlarge the volume"):
            await triage.tell(*(observed(node=f"gpu-{number}") for number in range(2000)))

        async with opened.writing() as connection:
            await connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert (await triage.look()).pending == ()
        assert await triage.tell(*(observed(node=f"gpu-{number}") for number in range(2000))) == 2000


async def test_a_volume_that_became_read_only_says_so(tmp_path, clock):
    async with Database.open(f"sqlite:///{tmp_path}/incidents.db", clock=clock, max_pool=1) as opened:
        async with opened.reading() as connection:
            await connection.exec_driver_sql("PRAGMA query_only = ON")

        with pytest.raises(Retryable, match="can only be read: .*; check that the volume and the file are writable"):
            await Triage(opened).tell(observed())


async def test_a_file_another_program_has_locked_is_away(tmp_path, clock):
    path = tmp_path / "incidents.db"
    async with Database.open(f"sqlite:///{path}", clock=clock, max_pool=1) as opened:
        async with opened.reading() as connection:
            await connection.exec_driver_sql("PRAGMA busy_timeout = 10")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(Unreachable, match="is locked by another process"):
            await Triage(opened).tell(observed())

        other.close()
        assert await Triage(opened).tell(observed()) == 1
