"""Storing how an investigation ended, in the caller's transaction: all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.assessment import Assessment, Outcome
from gcm_sentinel.domain.concerned import concerned
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.incident_record import DeliveryState, InvestigationState
from gcm_sentinel.domain.transcript import Transcript
from gcm_sentinel.storage.actions import store_proposed
from gcm_sentinel.storage.blobs import Blob, keep
from gcm_sentinel.storage.codecs import clean, micros
from gcm_sentinel.storage.cooldowns import end_cooldowns
from gcm_sentinel.storage.investigation_rows import concluded
from gcm_sentinel.storage.schema import affected_entities, deliveries, incidents, investigations
from gcm_sentinel.storage.spending import with_lost_turns
from gcm_sentinel.storage.upsert import insert_new

log = structlog.get_logger(__name__)

_DONE, _FAILED, _DROPPED = (
    str(state) for state in (InvestigationState.DONE, InvestigationState.FAILED, InvestigationState.DROPPED)
)


@dataclass(frozen=True, slots=True)
class Finished:
    """What an investigation leaves behind."""

    assessment: Assessment
    transcript: Transcript
    notifiers: tuple[str, ...]
    """The sinks it is owed to."""
    stand_in: bool
    """Whether the playbook engine answered in place of an LLM."""
    actions: tuple[ActionRecord, ...] = ()
    """What it proposes to do."""
    note: str = ""
    """Why another engine answered, or why it failed; the assessment's own notes where empty."""


async def store_finished(
    connection: AsyncConnection, investigation_id: str, done: Finished, transcript: Blob, now: datetime
) -> None:
    """Store `done`, whose transcript is `transcript` as a body; nothing where it is stored already.

    What is stored of its cost holds the turns that were paid twice.

    Raises:
        NotFound: there is no such investigation.
    """
    row = await _row(connection, investigation_id)
    if row is None:
        raise NotFound(f"there is no investigation {investigation_id!r} to finish")
    if row.finished:
        return
    await keep(connection, transcript)
    failed = done.assessment.outcome is Outcome.FAILED
    state = _DROPPED if row.state == _DROPPED else _FAILED if failed else _DONE
    spend = await with_lost_turns(connection, investigation_id, done.assessment.spend)
    values = concluded(replace(done.assessment, spend=spend), row.note or done.note, now)
    this = update(investigations).where(investigations.c.id == investigation_id)
    await connection.execute(this.values(**values, state=state, transcript_blob=transcript.digest))
    if state == _DROPPED:
        log.info("investigation.not_published", investigation=investigation_id, reason=row.note)
        return
    shown = (entity for item in done.transcript.evidence for entity in item.result.entities)
    await _index(connection, investigation_id, concerned(done.assessment.draft, shown))
    await _owe(connection, investigation_id, done.notifiers, now)
    await store_proposed(connection, done.actions)
    if failed:
        await _tell_failure(connection, row.incident_id, now)
    else:
        await _tell_incident(connection, row, done)


async def store_failure(connection: AsyncConnection, investigation_id: str, note: str, now: datetime) -> None:
    """It ended without an assessment; nothing where it has ended already or is unknown."""
    row = await _row(connection, investigation_id)
    if row is None or row.finished or row.state in (_DONE, _FAILED, _DROPPED):
        return
    this = update(investigations).where(investigations.c.id == investigation_id)
    await connection.execute(this.values(state=_FAILED, ended_at=micros(now), note=clean(note)))
    await _tell_failure(connection, row.incident_id, now)


async def _row(connection: AsyncConnection, investigation_id: str) -> Row[Any] | None:
    table = investigations.c
    finished = table.assessment.is_not(None).label("finished")
    statement = select(table.incident_id, table.revision, table.state, table.note, finished)
    return (await connection.execute(statement.where(table.id == investigation_id))).one_or_none()


async def _index(connection: AsyncConnection, investigation_id: str, entities: Iterable[Entity]) -> None:
    """The culprits, for history.py; the nodes of the incident itself are in `incident_nodes`."""
    rows = [
        {
            "investigation_id": investigation_id,
            "place": place,
            "kind": str(entity.kind),
            "name": clean(entity.name),
            "node": _cleaned(entity.node or (entity.name if entity.kind is EntityKind.NODE else None)),
            "device_index": entity.index,
            "uuid": _cleaned(entity.uuid),
            "pci": _cleaned(entity.pci),
            "serial": _cleaned(entity.serial),
        }
        for place, entity in enumerate(entities)
    ]
    if rows:
        await connection.execute(insert(affected_entities), rows)


def _cleaned(text: str | None) -> str | None:
    return None if text is None else clean(text)


async def _owe(connection: AsyncConnection, investigation_id: str, notifiers: Iterable[str], now: datetime) -> None:
    owed = {"state": str(DeliveryState.OWED), "attempts": 0, "owed_at": micros(now), "reason": "", "edition": 1}
    rows = [{"investigation_id": investigation_id, "notifier": name, **owed} for name in dict.fromkeys(notifiers)]
    await insert_new(connection, deliveries, rows)


async def _tell_incident(connection: AsyncConnection, row: Row[Any], done: Finished) -> None:
    """The incident shows its newest assessment."""
    newer = exists().where(
        investigations.c.incident_id == row.incident_id,
        investigations.c.revision > row.revision,
        investigations.c.state == _DONE,
    )
    shown = {"severity": str(done.assessment.draft.severity), "stand_in": int(done.stand_in), "failures": 0}
    await connection.execute(update(incidents).where(incidents.c.id == row.incident_id, ~newer).values(shown))


async def _tell_failure(connection: AsyncConnection, incident_id: str, now: datetime) -> None:
    """One that failed says nothing about severity: it is counted, and holds up nothing that comes later."""
    counted = {"failures": incidents.c.failures + 1}
    await connection.execute(update(incidents).where(incidents.c.id == incident_id).values(counted))
    await end_cooldowns(connection, [(incident_id, now)])
