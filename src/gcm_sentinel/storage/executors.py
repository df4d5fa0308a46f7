"""Which replicas live: each says so now and then, and one that has been silent for too long counts as dead.

Measured by the database's clock in PostgreSQL, so that replicas whose clocks disagree do not bury each other. With
SQLite there is one process and its own clock. Each method is one transaction; none of them waits for triage.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import BigInteger, ColumnElement, cast, delete, func, literal, select

from gcm_sentinel.storage.codecs import micros
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import executors
from gcm_sentinel.storage.upsert import insert_or_update

_MICROSECOND = timedelta(microseconds=1)


class Executors:
    """The replicas that share a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, executor_id: str, mode: str = "") -> None:
        """`executor_id` lives, in `mode`; the first beat, or the first after it was forgotten, starts it."""
        now = self._now()
        row = {"id": executor_id, "started_at": now, "beat_at": now, "mode": mode}
        async with self._database.writing() as connection:
            await insert_or_update(connection, executors, row, changing=("beat_at", "mode"))

    async def living(self, within: timedelta) -> Mapping[str, str]:
        """Those heard of `within` that time, and the mode of each; empty where it did not say."""
        heard = executors.c.beat_at >= self._now() - within // _MICROSECOND
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(executors.c.id, executors.c.mode).where(heard))).all()
        return {row.id: row.mode for row in rows}

    async def dead(self, after: timedelta) -> tuple[str, ...]:
        """Those last heard of more than `after` ago, the longest silent first."""
        silent = executors.c.beat_at < self._now() - after // _MICROSECOND
        async with self._database.reading() as connection:
            found = await connection.scalars(select(executors.c.id).where(silent).order_by(executors.c.beat_at))
            return tuple(found)

    async def forget(self, executor_id: str) -> None:
        """Its work has been taken over; fine when it is not known, or forgotten by another replica first."""
        async with self._database.writing() as connection:
            await connection.execute(delete(executors).where(executors.c.id == executor_id))

    def _now(self) -> ColumnElement[int]:
        if self._database.dialect == "postgresql":
            return cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
        return literal(micros(self._database.clock.now()), BigInteger)
