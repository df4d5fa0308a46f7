"""What has to stand for an order to go on: its incident, what is wrong on its node, and the advice it rests on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.advice import NewerAdvice
from gcm_sentinel.domain.assessment_json import assessment_from_json, incident_from_json
from gcm_sentinel.domain.incident_record import IncidentState, InvestigationState
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.storage.codecs import from_json, readable
from gcm_sentinel.storage.schema import incidents, investigations, symptoms
from gcm_sentinel.storage.symptoms import IS_BAD


async def stands(connection: AsyncConnection, incident: Incident, node: str) -> bool:
    """Whether the incident is open and something that opened it is still wrong.

    Where it was opened for `node` among others, something on `node`: what is wrong elsewhere is no reason to act here.
    """
    is_open = select(incidents.c.id).where(
        incidents.c.id == incident.id, incidents.c.state != str(IncidentState.CLOSED)
    )
    wrong = select(symptoms.c.node).where(symptoms.c.incident_id == incident.id, IS_BAD)
    if any(trigger.node == node for trigger in incident.triggers):
        wrong = wrong.where(symptoms.c.node == node)
    return (await connection.scalar(is_open)) is not None and (await connection.scalar(wrong.limit(1))) is not None


async def newer_advice(connection: AsyncConnection, investigation_id: str) -> NewerAdvice | None:
    """What the newest investigation that was asked for after this one, and is done, came to; None without one."""
    table = investigations.c
    own = select(table.incident_id, table.revision).where(table.id == investigation_id).subquery()
    later: Select[Any] = (
        select(table.id, table.assessment, table.incident)
        .join(own, own.c.incident_id == table.incident_id)
        .where(table.revision > own.c.revision, table.state == str(InvestigationState.DONE))
        .order_by(table.revision.desc())
        .limit(1)
    )
    rows = (await connection.execute(later)).all()
    found = next(readable(rows, _advice, table="investigations"), None)
    return found or next((NewerAdvice(row.id, None) for row in rows), None)


def _advice(row: Row[Any]) -> NewerAdvice:
    if row.assessment is None or row.incident is None:
        return NewerAdvice(row.id, None)
    found = assessment_from_json(from_json(row.assessment))
    return NewerAdvice(row.id, found, incident_from_json(from_json(row.incident)).affected)
