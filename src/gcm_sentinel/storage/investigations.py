"""Investigations from wanted to finished: the rows the durable queue is fed from and reports back to.

Every method may be called again after a crash: `start` answers the same incident, `finish` stores once. Both are
serialised with triage, so that an investigation is never dropped and started, or dropped and finished, at one moment.
`finish` is one transaction: whoever sees an investigation done also finds its assessment and what is owed to the sinks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.assessment_json import assessment_from_json, incident_from_json, incident_to_json
from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.incident_record import IncidentState, InvestigationRecord, InvestigationState
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.domain.transcript import Transcript
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.storage.codecs import DAMAGE, clean, from_json, micros, readable, to_json
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.evidence import piece_rows, pieces
from gcm_sentinel.storage.finishing import Finished, store_failure, store_finished
from gcm_sentinel.storage.frozen_incident import current_incident
from gcm_sentinel.storage.investigation_rows import RECORDS, investigation_record
from gcm_sentinel.storage.published_actions import published_actions
from gcm_sentinel.storage.schema import blobs, incidents
from gcm_sentinel.storage.schema import investigations as table
from gcm_sentinel.storage.transcripts import bare_transcript, whole_transcript

__all__ = ["Finished", "Investigations", "StoredInvestigation"]

log = structlog.get_logger(__name__)

_WANTED, _QUEUED, _RUNNING = (
    str(state) for state in (InvestigationState.WANTED, InvestigationState.QUEUED, InvestigationState.RUNNING)
)


@dataclass(frozen=True, slots=True)
class StoredInvestigation:
    """One investigation with everything that is kept of it."""

    record: InvestigationRecord
    incident: Incident | None
    """As the investigation was given it; None before its first start."""
    assessment: Assessment | None
    """None before it is finished; after retention or damage too, with a log event for damage."""
    transcript: Transcript | None
    """Like `assessment`."""
    evidence: tuple[Evidence, ...]
    """What can be read of it, in the order of the calls."""
    actions: tuple[PublishedAction, ...] = ()
    """What it asked for and where that stands now."""
    over: bool = False
    """Whether its incident is closed now."""


class Investigations:
    """The investigations of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wanted(self, limit: int = 500) -> tuple[InvestigationRecord, ...]:
        """Those not yet handed to the queue, the most urgent first, then the oldest."""
        statement = RECORDS.where(table.c.state == _WANTED)
        order = (table.c.urgency, table.c.requested_at, table.c.id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(statement.order_by(*order).limit(limit))).all()
        return tuple(readable(rows, investigation_record, table="investigations"))

    async def under_way(self, limit: int = 1000) -> tuple[InvestigationRecord, ...]:
        """Those the queue has or should have: QUEUED and RUNNING, the oldest first."""
        statement = RECORDS.where(table.c.state.in_((_QUEUED, _RUNNING))).order_by(table.c.requested_at, table.c.id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(statement.limit(limit))).all()
        return tuple(readable(rows, investigation_record, table="investigations"))

    async def queued(self, investigation_id: str) -> None:
        """The queue has it; changes nothing unless it was wanted."""
        waiting = update(table).where(table.c.id == investigation_id, table.c.state == _WANTED)
        async with self._database.writing() as connection:
            await connection.execute(waiting.values(state=_QUEUED))

    async def start(self, investigation_id: str, executor: str) -> Incident | None:
        """What to investigate, the same at every call; None where it has ended, was dropped or is unknown.

        Raises:
            BadResponse: the incident that was stored at the first start cannot be read any more.
            Retryable: the database is away.
        """
        async with self._database.serialised() as connection:
            row = await _row(connection, investigation_id)
            if row is None or row.state not in (_WANTED, _QUEUED, _RUNNING):
                return None
            if row.incident is None:
                incident = await current_incident(connection, row.incident_id, row.revision)
                frozen = to_json(incident_to_json(incident))
            else:
                incident, frozen = _frozen(investigation_id, row.incident), row.incident
            await self._mark_running(connection, row, executor, frozen)
        return incident

    async def _mark_running(self, connection: AsyncConnection, row: Row[Any], executor: str, frozen: str) -> None:
        now = micros(self._database.clock.now())
        started = now if row.started_at is None else row.started_at
        values = {"state": _RUNNING, "executor": clean(executor), "incident": frozen, "started_at": started}
        await connection.execute(update(table).where(table.c.id == row.id).values(values))

    async def finish(self, investigation_id: str, done: Finished) -> None:
        """Store how it ended: DONE, or FAILED where the assessment says so. A second time changes nothing.

        Of an investigation that was dropped meanwhile the assessment is kept, but its incident is left alone and no
        sink is owed anything.

        Raises:
            NotFound: there is no such investigation.
            Retryable: the database is away or full.
        """
        async with self._database.reading() as connection:
            bare = await bare_transcript(connection, investigation_id, done.transcript)
        now = self._database.clock.now()
        async with self._database.serialised("investigations.finish") as connection:
            await store_finished(connection, investigation_id, done, bare, now)

    async def fail(self, investigation_id: str, note: str) -> None:
        """It ended without an assessment (its job crashed for good): FAILED; changes nothing when it has ended."""
        async with self._database.serialised() as connection:
            await store_failure(connection, investigation_id, note, self._database.clock.now())

    async def get(self, investigation_id: str) -> StoredInvestigation | None:
        """Everything of one investigation, None when there is none of that id.

        Raises:
            BadResponse: its row is damaged. Damage to the assessment, the transcript or a piece of evidence is logged
                and only that is missing.
            Retryable: the database is away.
        """
        async with self._database.reading() as connection:
            row = await _row(connection, investigation_id)
            if row is None:
                return None
            found = await piece_rows(connection, investigation_id)
            body = await connection.scalar(select(blobs.c.body).where(blobs.c.digest == row.transcript_blob))
            asked_for = await published_actions(connection, investigation_id)
            state = await connection.scalar(select(incidents.c.state).where(incidents.c.id == row.incident_id))
        whole = await asyncio.to_thread(_whole, row, found, body)
        return replace(whole, actions=asked_for, over=state == str(IncidentState.CLOSED))


async def _row(connection: AsyncConnection, investigation_id: str) -> Row[Any] | None:
    return (await connection.execute(select(table).where(table.c.id == investigation_id))).one_or_none()


def _whole(row: Row[Any], found: Sequence[Row[Any]], body: bytes | None) -> StoredInvestigation:
    try:
        record = investigation_record(row)
    except DAMAGE as error:
        raise BadResponse(f"the stored investigation {row.id!r} is damaged: {error}") from error
    incident = _frozen(row.id, row.incident) if row.incident else None
    evidence = pieces(row.id, found)
    transcript = whole_transcript(row.id, row.transcript_blob, body, evidence) if row.transcript_blob else None
    return StoredInvestigation(record, incident, _assessment(row), transcript, evidence)


def _frozen(investigation_id: str, stored: str) -> Incident:
    try:
        return incident_from_json(from_json(stored))
    except DAMAGE as error:
        raise BadResponse(f"the incident stored with investigation {investigation_id!r} is damaged: {error}") from error


def _assessment(row: Row[Any]) -> Assessment | None:
    if row.assessment is None:
        return None
    try:
        return assessment_from_json(from_json(row.assessment))
    except DAMAGE as error:
        log.error("assessment.damaged", investigation=row.id, reason=str(error))  # noqa: TRY400
        return None
