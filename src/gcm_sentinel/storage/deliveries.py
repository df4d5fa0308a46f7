"""What is owed to the sinks: one row per assessment and sink, written with the assessment itself (finishing.py).

The rows are an outbox: whatever is owed is found here after any crash. A delivery is tried at least once and its sink
makes a second try harmless; so here too every method may be called again.

What became of an action makes the same row owed once more, as its next edition (`owe_again`). A sink that was away
meanwhile is told the newest edition only, which tells where everything stands; what is noted about an attempt counts
for the edition that was tried and no other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.incident_record import DeliveryRecord, DeliveryState
from gcm_sentinel.storage.codecs import clean, micros, readable, when_known
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import deliveries as table

_OWED = str(DeliveryState.OWED)


class Deliveries:
    """The deliveries of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owed(self, now: datetime, *, per_sink: int = 1000) -> tuple[DeliveryRecord, ...]:
        """Those whose time has come, `per_sink` of each sink at most: the ones whose time came first.

        So what is due next for a sink stays the same until some of it was tried, however much it is owed besides.
        """
        due = or_(table.c.next_at.is_(None), table.c.next_at <= micros(now))
        since = func.coalesce(table.c.next_at, table.c.owed_at)
        order = (since, table.c.owed_at, table.c.investigation_id)
        place = func.row_number().over(partition_by=table.c.notifier, order_by=order)
        placed = select(table, since.label("since"), place.label("place"))
        found = placed.where(table.c.state == _OWED, due).subquery()
        first = select(found).where(found.c.place <= per_sink)
        statement = first.order_by(found.c.since, found.c.owed_at, found.c.investigation_id, found.c.notifier)
        async with self._database.reading() as connection:
            rows = (await connection.execute(statement)).all()
        return tuple(readable(rows, delivery_record, table="deliveries"))

    async def next_due(self) -> datetime | None:
        """When the next of them is offered again; None when none waits for its time."""
        statement = select(table.c.next_at).where(table.c.state == _OWED, table.c.next_at.is_not(None))
        async with self._database.reading() as connection:
            return when_known(await connection.scalar(statement.order_by(table.c.next_at).limit(1)))

    async def get(self, investigation_id: str, notifier: str) -> DeliveryRecord | None:
        """One delivery, None when nothing was ever owed."""
        this = (table.c.investigation_id == investigation_id, table.c.notifier == notifier)
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(table).where(*this))).all()
        return next(readable(rows, delivery_record, table="deliveries"), None)

    async def attempted(
        self,
        investigation_id: str,
        notifier: str,
        reason: str,
        next_at: datetime,
        *,
        attempt: int | None = None,
        edition: int = 1,
    ) -> None:
        """An attempt failed for now; it is offered again at `next_at`.

        `attempt` is how many had failed before it: given that, the same attempt is counted once however often this is
        called.
        """
        values = {"attempts": table.c.attempts + 1, "next_at": micros(next_at), "reason": clean(reason)}
        await self._change((investigation_id, notifier, edition), values, attempt=attempt)

    async def delivered(self, investigation_id: str, notifier: str, at: datetime, *, edition: int = 1) -> None:
        """The sink has it. The first time counts; also after giving up, should it have arrived all the same.

        A newer edition that came to be owed meanwhile is owed still, to a sink that has shown something.
        """
        values = {"state": str(DeliveryState.DELIVERED), "delivered_at": micros(at), "next_at": None}
        open_ = table.c.state != str(DeliveryState.DELIVERED)
        statement = update(table).where(*_this(investigation_id, notifier, edition), open_)
        newer = (table.c.investigation_id == investigation_id, table.c.notifier == notifier, table.c.edition > edition)
        async with self._database.writing() as connection:
            await connection.execute(statement.values(values))
            await connection.execute(update(table).where(*newer).values(delivered_at=micros(at)))

    async def given_up(self, investigation_id: str, notifier: str, reason: str, *, edition: int = 1) -> None:
        """It will not be tried again; `reason` is the last failure."""
        values = {"state": str(DeliveryState.GIVEN_UP), "next_at": None, "reason": clean(reason)}
        await self._change((investigation_id, notifier, edition), values, attempt=None)

    async def left_out(self, investigation_id: str, notifier: str, reason: str, *, edition: int = 1) -> None:
        """It is not offered in this mode; `reason` says so."""
        values = {"state": str(DeliveryState.LEFT_OUT), "next_at": None, "reason": clean(reason)}
        await self._change((investigation_id, notifier, edition), values, attempt=None)

    async def _change(self, names: tuple[str, str, int], values: dict[str, Any], *, attempt: int | None) -> None:
        """Change it while it is owed; what was delivered, given up or left out stays so."""
        statement = update(table).where(*_this(*names), table.c.state == _OWED)
        if attempt is not None:
            statement = statement.where(table.c.attempts == attempt)
        async with self._database.writing() as connection:
            await connection.execute(statement.values(values))


async def owe_again(connection: AsyncConnection, investigation_id: Select[tuple[str]], now: datetime) -> None:
    """Every sink that was owed the assessment is owed its next edition, in the caller's transaction.

    Whatever became of the edition before: one that was given up may well be told what came of it.
    """
    again = {"edition": table.c.edition + 1, "state": _OWED, "attempts": 0, "reason": "", "next_at": None}
    of_it = table.c.investigation_id == investigation_id.scalar_subquery()
    await connection.execute(update(table).where(of_it).values(**again, owed_at=micros(now)))


def _this(investigation_id: str, notifier: str, edition: int) -> tuple[ColumnElement[bool], ...]:
    of_sink = (table.c.investigation_id == investigation_id, table.c.notifier == notifier)
    return (*of_sink, table.c.edition == edition)


def delivery_record(row: Row[Any]) -> DeliveryRecord:
    """The record in a row of `deliveries`; raises one of `DAMAGE` when the row is damaged."""
    return DeliveryRecord(
        investigation_id=row.investigation_id,
        notifier=row.notifier,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        owed_at=when_known(row.owed_at),
        next_at=when_known(row.next_at),
        delivered_at=when_known(row.delivered_at),
        reason=row.reason,
        edition=row.edition,
    )
