"""Opening a database: who may, at which version, and what is refused with which words."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, literal_column, select, text
from structlog.testing import capture_logs

from gcm_sentinel.domain.errors import BadConfiguration, Bug, Forbidden, Unreachable
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.migrate import Step, released
from gcm_sentinel.storage.schema import cooldown_stamps, executors

NEXT = released()[-1].version + 1
ADDS_A_COLUMN = Step(NEXT, "owner", "ALTER TABLE cooldown_stamps ADD COLUMN owner TEXT NOT NULL DEFAULT 'nobody';\n")
HALF = Table("half", MetaData(), Column("id", Integer))
BREAKS_HALFWAY = Step(NEXT, "broken", "CREATE TABLE half (id $id);\nINSERT INTO nowhere VALUES (1);\n")


async def test_answers_a_ping(database):
    await database.ping()


async def test_what_was_stored_is_there_when_it_is_opened_again(database_url, clock):
    async with Database.open(database_url, clock=clock) as first, first.writing() as connection:
        await connection.execute(insert(executors).values(id="a", started_at=1, beat_at=1))

    async with Database.open(database_url, clock=clock) as second, second.reading() as connection:
        assert await connection.scalar(select(executors.c.id)) == "a"


async def test_several_replicas_may_start_at_once(database_url, clock):
    async def start() -> None:
        async with Database.open(database_url, clock=clock) as database:
            await database.ping()

    await asyncio.gather(*(start() for _ in range(4)))


async def test_an_older_version_is_brought_up_with_its_data(database_url, clock):
    async with Database.open(database_url, clock=clock) as old, old.writing() as connection:
        await connection.execute(insert(cooldown_stamps).values(node="gpu-1", kind="Ready", at=1, urgency=1))

    steps = (*released(), ADDS_A_COLUMN)
    async with Database.open(database_url, clock=clock, steps=steps) as new, new.reading() as connection:
        found = await connection.execute(select(cooldown_stamps.c.node, literal_column("owner")))

    assert found.all() == [("gpu-1", "nobody")]


async def migrations_told(url, clock, steps):
    """(level, version) of each that was logged when a database was opened."""
    with capture_logs() as logs:
        async with Database.open(url, clock=clock, steps=steps):
            pass
    return [(line["log_level"], line["version"]) for line in logs if line["event"] == "storage.migrated"]


async def test_every_step_of_a_database_in_use_is_told_and_only_the_last_of_an_empty_one(database_url, clock):
    another = Step(NEXT + 1, "note", "ALTER TABLE cooldown_stamps ADD COLUMN note TEXT NOT NULL DEFAULT '';\n")

    made = await migrations_told(database_url, clock, released())
    upgraded = await migrations_told(database_url, clock, (*released(), ADDS_A_COLUMN, another))

    assert made == [*(("debug", step.version) for step in released()[:-1]), ("info", NEXT - 1)]
    assert upgraded == [("info", NEXT), ("info", NEXT + 1)]


async def test_a_newer_version_is_refused_and_both_are_named(database_url, clock):
    async with Database.open(database_url, clock=clock, steps=(*released(), ADDS_A_COLUMN)):
        pass

    with pytest.raises(BadConfiguration, match=rf"version {NEXT}, .* up to {NEXT - 1}: run the newer program"):
        async with Database.open(database_url, clock=clock):
            pass


@pytest.mark.parametrize("steps", [(), released()[:1], (*released(), ADDS_A_COLUMN)])
async def test_another_version_is_not_opened_to_read_and_left_as_it_is(database_url, clock, steps):
    if steps:
        async with Database.open(database_url, clock=clock, steps=steps):
            pass

    for _ in range(2):
        with pytest.raises(BadConfiguration, match=rf"schema version {len(steps)}, this program reads .* {NEXT - 1}$"):
            async with Database.open_as_it_is(database_url, clock=clock):
                pass


async def test_the_same_version_is_opened_to_read(database_url, clock):
    async with Database.open(database_url, clock=clock):
        pass

    async with Database.open_as_it_is(database_url, clock=clock) as database:
        await database.ping()


async def test_a_step_that_fails_leaves_nothing_behind(database_url, clock):
    with pytest.raises(Bug, match="nowhere"):
        async with Database.open(database_url, clock=clock, steps=(*released(), BREAKS_HALFWAY)):
            pass

    async with Database.open(database_url, clock=clock) as database:
        with pytest.raises(Bug, match="half"):
            async with database.reading() as connection:
                await connection.execute(select(HALF))


async def test_in_memory_readers_and_writers_share_one_database(clock):
    async with Database.open("sqlite://", clock=clock) as database:

        async def add(number: int) -> None:
            async with database.writing() as connection:
                await connection.execute(insert(executors).values(id=str(number), started_at=1, beat_at=1))
                await asyncio.sleep(0)

        await asyncio.gather(*(add(number) for number in range(10)))

        async with database.reading() as connection:
            assert await connection.scalar(select(func.count()).select_from(executors)) == 10


async def test_a_transaction_inside_another_one_is_our_mistake(database):
    async with database.writing():
        with pytest.raises(Bug, match="inside another one"):
            await database.ping()


async def test_in_postgresql_our_tables_stand_in_a_schema_of_their_own(postgres_url, clock):
    async with Database.open(postgres_url, clock=clock) as database, database.reading() as connection:
        found = await connection.scalars(text("SELECT schemaname FROM pg_tables WHERE tablename = 'incidents'"))
        assert list(found) == ["gcm_sentinel"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://db/incidents", "begins with 'mysql'"),
        ("incidents.db", "cannot be read"),
        ("postgresql://host:port/name", "cannot be read"),
    ],
)
async def test_an_address_of_another_kind_is_refused(url, words, clock):
    with pytest.raises(BadConfiguration, match=words):
        async with Database.open(url, clock=clock):
            pass


async def test_a_server_that_is_not_there_is_away_and_its_password_stays_secret(clock):
    with pytest.raises(Unreachable, match="cannot be reached") as caught:
        async with Database.open("postgresql://me:s3cret@127.0.0.1:1/incidents", clock=clock):
            pass

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "database", "error"),
    [("tester", "nowhere", BadConfiguration), ("nobody", "postgres", Forbidden)],
    ids=["no-such-database", "no-such-user"],
)
async def test_a_wrong_name_is_told_from_a_server_that_is_away(postgres_server, clock, user, database, error):
    url = f"postgresql://{user}@127.0.0.1:{postgres_server.port}/{database}"

    with pytest.raises(error, match="does not exist"):
        async with Database.open(url, clock=clock):
            pass


async def test_a_folder_that_is_not_there_is_named(tmp_path, clock):
    with pytest.raises(Unreachable, match=r"missing/incidents\.db cannot be opened: .*; check that its folder exists"):
        async with Database.open(f"sqlite:///{tmp_path}/missing/incidents.db", clock=clock):
            pass


@pytest.mark.parametrize("content", [b"not a database at all, " * 99, None], ids=["another-file", "cut-in-the-middle"])
async def test_a_file_that_is_no_database_of_ours_is_named_with_what_to_do(tmp_path, clock, content):
    path = _file(tmp_path, content)

    with pytest.raises(BadConfiguration, match=r"incidents\.db is damaged .* move it away"):
        async with Database.open(f"sqlite:///{path}", clock=clock) as database:
            await database.ping()


def _file(folder: Path, content: bytes | None) -> Path:
    """A file with this content, or a SQLite database whose later pages are garbage."""
    path = folder / "incidents.db"
    if content is not None:
        path.write_bytes(content)
        return path
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE schema_version (version, name, applied_at)")
        connection.executemany("INSERT INTO schema_version VALUES (?, 'x', 0)", [(number,) for number in range(999)])
    connection.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    return path
