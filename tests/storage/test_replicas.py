"""A replica that has been silent for too long counts as dead, by one clock for all of them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.executors import Executors
from gcm_sentinel.storage.schema import executors

HOUR = timedelta(hours=1)


async def fall_silent(database, executor_id: str, since: timedelta) -> None:
    """Move a replica's last heartbeat back."""
    earlier = executors.c.beat_at - since // timedelta(microseconds=1)
    async with database.writing() as connection:
        await connection.execute(update(executors).where(executors.c.id == executor_id).values(beat_at=earlier))


async def test_one_that_beats_lives(database):
    await Executors(database).beat("a")

    assert await Executors(database).dead(timedelta(minutes=1)) == ()


async def test_one_that_is_silent_is_dead(database):
    for executor in ("a", "b", "c"):
        await Executors(database).beat(executor)
    await fall_silent(database, "a", HOUR)
    await fall_silent(database, "b", 2 * HOUR)

    assert await Executors(database).dead(timedelta(minutes=59)) == ("b", "a")


async def test_a_beat_brings_it_back(database):
    await Executors(database).beat("a")
    await fall_silent(database, "a", HOUR)

    await Executors(database).beat("a")

    assert await Executors(database).dead(timedelta(minutes=1)) == ()


async def test_one_that_was_taken_over_is_forgotten(database):
    await Executors(database).beat("a")
    await fall_silent(database, "a", HOUR)

    await Executors(database).forget("a")
    await Executors(database).forget("a")

    assert await Executors(database).dead(timedelta(minutes=1)) == ()


async def test_in_postgresql_a_replica_whose_clock_is_wrong_neither_dies_nor_kills(postgres_url, clock):
    async with Database.open(postgres_url, clock=clock) as database:
        clock.move(timedelta(days=-400))
        await Executors(database).beat("slow")
        clock.move(timedelta(days=800))
        await Executors(database).beat("fast")

        assert await Executors(database).dead(timedelta(minutes=1)) == ()


async def test_those_that_live_are_told_with_their_newest_mode(database, clock):
    executors = Executors(database)
    await executors.beat("a", "execute")
    await executors.beat("older version")
    await executors.beat("a", "recommend")

    assert await executors.living(timedelta(seconds=15)) == {"a": "recommend", "older version": ""}
    assert await executors.living(-timedelta(minutes=1)) == {}
