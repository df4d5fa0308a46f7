"""The threads of the sinks: one row per sink and incident."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select, update

from gcm_sentinel.domain.incident_record import IncidentState
from gcm_sentinel.domain.json_reader import JsonReader
from gcm_sentinel.domain.threads import OverThread, Thread
from gcm_sentinel.storage.codecs import clean, from_json, readable, to_json
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import incidents
from gcm_sentinel.storage.schema import threads as table
from gcm_sentinel.storage.upsert import insert_or_replace


class Threads:
    """A `ThreadBook` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, sink: str, incident_id: str) -> Thread | None:
        """What `sink` has shown of an incident; None where it has shown nothing."""
        this = (table.c.sink == sink, table.c.incident_id == incident_id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(table).where(*this))).all()
        return next(readable(rows, _thread, table="threads"), None)

    async def put(self, sink: str, thread: Thread) -> None:
        """Keep it, in place of what was known.

        What is over stays over, whatever is told of it afterwards, until it is investigated again.
        """
        this = (table.c.sink == sink, table.c.incident_id == thread.incident_id)
        over = select(table.c.incident_id).where(*this, table.c.closed == 1, table.c.revision >= thread.revision)
        row = {
            "sink": sink,
            "incident_id": thread.incident_id,
            "place": clean(thread.place),
            "mark": clean(thread.mark),
            "revision": thread.revision,
            "told": to_json(thread.told),
        }
        async with self._database.writing() as connection:
            closed = 0 if await connection.scalar(over) is None else 1
            await insert_or_replace(connection, table, {**row, "closed": closed})

    async def over(self, sink: str) -> tuple[OverThread, ...]:
        """Those of a sink whose incident is closed and that do not say so yet."""
        closed = incidents.c.id == table.c.incident_id, incidents.c.state == str(IncidentState.CLOSED)
        statement = select(table, incidents.c.close_reason).where(*closed, table.c.sink == sink, table.c.closed == 0)
        async with self._database.reading() as connection:
            rows = (await connection.execute(statement.order_by(incidents.c.closed_at).limit(100))).all()
        return tuple(readable(rows, lambda row: OverThread(_thread(row), row.close_reason), table="threads"))

    async def closed(self, sink: str, incident_id: str) -> None:
        """It says so now."""
        this = (table.c.sink == sink, table.c.incident_id == incident_id)
        async with self._database.writing() as connection:
            await connection.execute(update(table).where(*this).values(closed=1))


def _thread(row: Row[Any]) -> Thread:
    return Thread(
        incident_id=row.incident_id,
        mark=row.mark,
        place=row.place,
        revision=row.revision,
        told=JsonReader.of(from_json(row.told), "told").data,
        closed=bool(row.closed),
    )
