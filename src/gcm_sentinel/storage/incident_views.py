"""What lists and pages show of incidents, read in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import Row, Select, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.domain.incident_record import (
    DeliveryRecord,
    IncidentRecord,
    IncidentState,
    InvestigationRecord,
    StoredTrigger,
    Symptom,
)
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.storage.among import among
from gcm_sentinel.storage.codecs import DAMAGE, micros, readable, when
from gcm_sentinel.storage.deliveries import delivery_record
from gcm_sentinel.storage.incident_rows import RECORDS, incident_record
from gcm_sentinel.storage.investigation_rows import RECORDS as INVESTIGATIONS
from gcm_sentinel.storage.investigation_rows import investigation_record
from gcm_sentinel.storage.schema import (
    deliveries,
    incident_nodes,
    incidents,
    investigations,
    requests,
    symptoms,
    triggers,
)
from gcm_sentinel.storage.symptoms import IS_BAD, SYMPTOMS, symptom_of
from gcm_sentinel.storage.trigger_rows import stored_trigger, trigger_of

RequestKind: TypeAlias = Literal["close", "reinvestigate"]


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents a list shows; empty fields do not narrow."""

    open_only: bool = True
    """Open and recovering ones; False for closed ones too."""
    node: str = ""
    """Exact name of an affected node."""
    since: datetime | None = None
    """Those a trigger joined at or after this moment."""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One line of a list."""

    record: IncidentRecord
    lead: Trigger | None
    """What opened it; None when that row is damaged."""
    trigger_count: int
    newest: InvestigationRecord | None
    """The newest investigation with its summary; None before the first."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked of an incident."""

    kind: RequestKind
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Everything about one incident but the bodies of its investigations."""

    record: IncidentRecord
    lead: Trigger | None
    trigger_count: int
    triggers: tuple[StoredTrigger, ...]
    """In order of onset: the page that was asked for."""
    symptoms: tuple[Symptom, ...]
    """What is wrong now."""
    investigations: tuple[InvestigationRecord, ...]
    """Oldest first."""
    deliveries: tuple[DeliveryRecord, ...]
    requests: tuple[Request, ...]
    """Oldest first."""
    merged_into: str | None


async def listed(connection: AsyncConnection, wanted: IncidentFilter) -> tuple[IncidentRow, ...]:
    """The incidents of a list."""
    statement = _matching(wanted).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(wanted.limit)
    rows = (await connection.execute(statement)).all()
    records = tuple(readable(rows, incident_record, table="incidents"))
    ids = [record.id for record in records]
    leads = await _leads(connection, {row.id: row.lead_trigger_id for row in rows if row.lead_trigger_id is not None})
    counts = await _trigger_counts(connection, ids)
    newest = await _newest_investigations(connection, ids)
    return tuple(IncidentRow(one, leads.get(one.id), counts.get(one.id, 0), newest.get(one.id)) for one in records)


async def viewed(connection: AsyncConnection, incident_id: str, *, limit: int, skip: int) -> IncidentView | None:
    """One incident whole."""
    row = (await connection.execute(RECORDS.where(incidents.c.id == incident_id))).one_or_none()
    if row is None:
        return None
    try:
        record = incident_record(row)
    except DAMAGE as error:
        raise BadResponse(f"the stored incident {incident_id!r} is damaged: {error}") from error
    leads = await _leads(connection, {} if row.lead_trigger_id is None else {incident_id: row.lead_trigger_id})
    counts = await _trigger_counts(connection, [incident_id])
    return IncidentView(
        record=record,
        lead=leads.get(incident_id),
        trigger_count=counts.get(incident_id, 0),
        triggers=await _triggers(connection, incident_id, limit, skip),
        symptoms=await _symptoms(connection, incident_id),
        investigations=await _investigations(connection, incident_id),
        deliveries=await _deliveries(connection, incident_id),
        requests=await _requests(connection, incident_id),
        merged_into=row.merged_into,
    )


def _matching(wanted: IncidentFilter) -> Select[Any]:
    statement = RECORDS
    if wanted.open_only:
        statement = statement.where(incidents.c.state != str(IncidentState.CLOSED))
    if wanted.node:
        of_node = and_(incident_nodes.c.incident_id == incidents.c.id, incident_nodes.c.node == wanted.node)
        statement = statement.where(exists().where(of_node))
    if wanted.since is not None:
        statement = statement.where(incidents.c.last_trigger_at >= micros(wanted.since))
    return statement


async def _leads(connection: AsyncConnection, lead_ids: dict[str, int]) -> dict[str, Trigger]:
    this = among(connection, triggers.c.id, list(lead_ids.values()))
    rows = (await connection.execute(select(triggers).where(this))).all()
    by_id = dict(readable(rows, lambda row: (int(row.id), trigger_of(row)), table="triggers"))
    return {key: by_id[trigger_id] for key, trigger_id in lead_ids.items() if trigger_id in by_id}


async def _trigger_counts(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, int]:
    count = select(triggers.c.incident_id, func.count()).where(among(connection, triggers.c.incident_id, ids))
    rows = (await connection.execute(count.group_by(triggers.c.incident_id))).all()
    return {row[0]: row[1] for row in rows}


async def _newest_investigations(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, InvestigationRecord]:
    newest = and_(incidents.c.id == investigations.c.incident_id, incidents.c.revision == investigations.c.revision)
    statement = INVESTIGATIONS.join(incidents, newest).where(among(connection, incidents.c.id, ids))
    rows = (await connection.execute(statement)).all()
    return {one.incident_id: one for one in readable(rows, investigation_record, table="investigations")}


async def _triggers(connection: AsyncConnection, incident_id: str, limit: int, skip: int) -> tuple[StoredTrigger, ...]:
    of_incident = select(triggers).where(triggers.c.incident_id == incident_id)
    page = of_incident.order_by(triggers.c.onset_at, triggers.c.id).limit(limit).offset(skip)
    return tuple(readable((await connection.execute(page)).all(), stored_trigger, table="triggers"))


async def _symptoms(connection: AsyncConnection, incident_id: str) -> tuple[Symptom, ...]:
    bad = SYMPTOMS.where(symptoms.c.incident_id == incident_id, IS_BAD).order_by(symptoms.c.node, symptoms.c.kind)
    return tuple(readable((await connection.execute(bad)).all(), symptom_of, table="symptoms"))


async def _investigations(connection: AsyncConnection, incident_id: str) -> tuple[InvestigationRecord, ...]:
    statement = INVESTIGATIONS.where(investigations.c.incident_id == incident_id).order_by(investigations.c.revision)
    rows = (await connection.execute(statement)).all()
    return tuple(readable(rows, investigation_record, table="investigations"))


async def _deliveries(connection: AsyncConnection, incident_id: str) -> tuple[DeliveryRecord, ...]:
    belongs = and_(investigations.c.id == deliveries.c.investigation_id, investigations.c.incident_id == incident_id)
    statement = (
        select(deliveries).join(investigations, belongs).order_by(investigations.c.revision, deliveries.c.notifier)
    )
    return tuple(readable((await connection.execute(statement)).all(), delivery_record, table="deliveries"))


async def _requests(connection: AsyncConnection, incident_id: str) -> tuple[Request, ...]:
    statement = select(requests).where(requests.c.incident_id == incident_id).order_by(requests.c.id)
    return tuple(readable((await connection.execute(statement)).all(), _request, table="requests"))


def _request(row: Row[Any]) -> Request:
    if row.kind not in ("close", "reinvestigate"):
        raise ValueError(f"unknown request {row.kind!r}")
    return Request(row.kind, row.by_whom, row.reason, when(row.at))
