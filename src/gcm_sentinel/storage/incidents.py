"""Incidents as people see them, and what people ask of them.

Reading sees one consistent moment and waits for nobody. What a person asks takes effect in the same serialised
transaction triage decides in, so that it is never lost to a decision made at the same moment; asking twice does no more
than asking once. Every request is kept with the incident.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.errors import NotFound, Rejected
from gcm_sentinel.domain.incident_record import (
    IncidentRecord,
    IncidentState,
    InvestigationState,
    Why,
)
from gcm_sentinel.domain.order_history import OrderBook
from gcm_sentinel.domain.triage_changes import Investigate, Move, TriageChange
from gcm_sentinel.storage import incident_views as views
from gcm_sentinel.storage.codecs import clean, micros
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.incident_rows import read_record
from gcm_sentinel.storage.incident_views import IncidentFilter, IncidentRow, IncidentView, Request
from gcm_sentinel.storage.ordered import ordered
from gcm_sentinel.storage.schema import deliveries, incidents, investigations, requests, triggers
from gcm_sentinel.storage.triage import apply_changes

__all__ = ["IncidentFilter", "IncidentRow", "IncidentView", "Incidents", "Request"]

_NOT_STARTED = (InvestigationState.WANTED, InvestigationState.QUEUED)


class Incidents:
    """The incidents of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, wanted: IncidentFilter | None = None) -> tuple[IncidentRow, ...]:
        """Those that match, the newest first; damaged ones are left out with a log event.

        Raises:
            Retryable: the database is away.
        """
        async with self._database.reading() as connection:
            return await views.listed(connection, wanted or IncidentFilter())

    async def get(self, incident_id: str, *, triggers: int = 500, skip: int = 0) -> IncidentView | None:
        """Everything about one incident, with `triggers` of its triggers after the first `skip`, in order of onset.

        None when there is none of that id.

        Raises:
            BadResponse: its row is damaged.
            Retryable: the database is away.
        """
        async with self._database.reading() as connection:
            return await views.viewed(connection, incident_id, limit=triggers, skip=skip)

    async def orders(self, incident_id: str) -> OrderBook:
        """What was ordered for an incident, by whichever of its investigations, and for those merged into it.

        Raises:
            Retryable: the database is away.
        """
        async with self._database.reading() as connection:
            return await ordered(connection, incident_id)

    async def request_close(self, incident_id: str, by: str, reason: str) -> None:
        """Close an incident because `by` says so; fine when it is closed already.

        What is still wrong stays with the closed incident, so that it opens no new one until it changes. Investigations
        not yet started are dropped.

        Raises:
            NotFound: there is no such incident.
            Retryable: nothing was changed, or it is not known: ask again.
        """
        now = self._database.clock.now()
        async with self._database.serialised() as connection:
            record = await _existing(connection, incident_id)
            if record.state is IncidentState.CLOSED:
                return
            words = f"closed by {by}: {reason}" if reason else f"closed by {by}"
            move = Move(incident_id, IncidentState.CLOSED, now, reason=words, flaps=record.flaps)
            await apply_changes(connection, [record], {}, [move])
            await _note(connection, incident_id, Request("close", by, reason, now))

    async def request_reinvestigate(self, incident_id: str, by: str, *, if_open: bool = False) -> int:
        """Have an incident investigated again because `by` says so; a closed one is opened again, or refused `if_open`.
        Returns the revision.

        While an investigation waits to be started, that one is what was asked for.

        Raises:
            NotFound: there is no such incident.
            Rejected: it was merged into another one, which the message names; or it is closed, where that matters.
            Retryable: nothing was changed, or it is not known: ask again.
        """
        now = self._database.clock.now()
        async with self._database.serialised() as connection:
            record = await _existing(connection, incident_id)
            if if_open and record.state is IncidentState.CLOSED:
                raise Rejected(f"incident {incident_id!r} is closed")
            if (heir := await _heir(connection, incident_id)) is not None:
                raise Rejected(f"incident {incident_id!r} was merged into {heir!r}: ask for that one")
            await _note(connection, incident_id, Request("reinvestigate", by, "", now))
            if record.investigation in _NOT_STARTED:
                return record.revision
            revision = record.revision + 1
            await apply_changes(connection, [record], {}, _again(record, revision, now))
            asked = (investigations.c.incident_id == incident_id, investigations.c.revision == revision)
            await connection.execute(update(investigations).where(*asked).values(requested_by=clean(by)))
        return revision

    async def over_since(self, at: datetime) -> tuple[tuple[str, str], ...]:
        """Incidents closed from `at` on as (a key, node of the lead trigger), the oldest first.

        The key is the id and the moment of closing, or that of the last delivery where one came later: what it left on
        the node is to go as well. Nodes that lead an incident which is not closed are left out: something is still
        wrong there.

        Raises:
            Retryable: the database is away.
        """
        closed = str(IncidentState.CLOSED)
        told = (
            select(func.max(deliveries.c.delivered_at))
            .join(investigations, investigations.c.id == deliveries.c.investigation_id)
            .where(investigations.c.incident_id == incidents.c.id)
            .scalar_subquery()
        )
        lead = select(incidents.c.id, incidents.c.closed_at, triggers.c.node, told.label("told_at")).join(
            triggers, triggers.c.id == incidents.c.lead_trigger_id
        )
        living = select(triggers.c.node).join(incidents, incidents.c.lead_trigger_id == triggers.c.id)
        over = lead.where(
            incidents.c.state == closed,
            incidents.c.closed_at >= micros(at),
            triggers.c.node.not_in(living.where(incidents.c.state != closed)),
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(over.order_by(incidents.c.closed_at, incidents.c.id))).all()
        return tuple((f"{row.id}@{max(row.closed_at, row.told_at or 0)}", row.node) for row in rows)


def _again(record: IncidentRecord, revision: int, now: datetime) -> list[TriageChange]:
    """By hand, whatever the cool-down says; an incident that was closed is open again first."""
    wanted: list[TriageChange] = [Investigate(record.id, revision, Why.BY_HAND, record.urgency, now)]
    if record.state is IncidentState.CLOSED:
        wanted.insert(0, Move(record.id, IncidentState.OPEN, now, flaps=record.flaps))
    return wanted


async def _existing(connection: AsyncConnection, incident_id: str) -> IncidentRecord:
    record = await read_record(connection, incident_id)
    if record is None:
        raise NotFound(f"there is no incident {incident_id!r}")
    return record


async def _heir(connection: AsyncConnection, incident_id: str) -> str | None:
    heir: str | None = await connection.scalar(select(incidents.c.merged_into).where(incidents.c.id == incident_id))
    return heir


async def _note(connection: AsyncConnection, incident_id: str, request: Request) -> None:
    row = {"kind": request.kind, "by_whom": clean(request.by), "reason": clean(request.reason)}
    await connection.execute(insert(requests).values(incident_id=incident_id, at=micros(request.at), **row))
