"""Earlier incidents for the next investigation: of a node, of a part, of a fault class.

What an incident was is told by its newest finished assessment; one that has none yet has nothing to tell and is left
out, and so is one that was merged into another, which tells it all. An incident counts as happening until it closed, so
`since` leaves out those that were over by then. A part is found where an assessment named it as a culprit, by its
UUID or its serial number, and where a trigger named its UUID.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.history import HistoryQuery, PastIncident
from gcm_sentinel.domain.incident_record import InvestigationState
from gcm_sentinel.storage.codecs import micros, readable, texts, when, when_known
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import actions, affected_entities, incident_nodes, incidents, investigations, triggers

_DONE = str(InvestigationState.DONE)
_OUTCOME_WORDS = {
    str(ActionState.DONE): "verified",
    str(ActionState.FAILED): "failed",
    str(ActionState.UNDONE): "undone",
}


class StoredHistory:
    """An `IncidentHistory` in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def past(self, query: HistoryQuery) -> tuple[PastIncident, ...]:
        """Those that match, the newest first; a damaged row is logged and left out.

        Raises:
            Retryable: the database is away.
        """
        async with self._database.reading() as connection:
            rows = (await connection.execute(_matching(query))).all()
            entities = await _entities(connection, [row.investigation_id for row in rows])
            taken = await _actions(connection, [row.id for row in rows])
        return tuple(
            readable(
                rows,
                lambda row: _past_incident(row, entities.get(row.investigation_id, ()), taken.get(row.id, ())),
                table="incidents",
            )
        )

    async def kept_since(self) -> datetime | None:
        """When the oldest incident that is kept was opened; None when none is.

        Raises:
            Retryable: the database is away.
        """
        async with self._database.reading() as connection:
            return when_known(await connection.scalar(select(func.min(incidents.c.opened_at))))


def _matching(query: HistoryQuery) -> Select[Any]:
    newest = investigations.alias("newest")
    later = investigations.alias("later")
    is_later = (
        later.c.incident_id == newest.c.incident_id,
        later.c.revision > newest.c.revision,
        later.c.state == _DONE,
    )
    of_it = (newest.c.incident_id == incidents.c.id) & (newest.c.state == _DONE)
    told = (
        newest.c.id.label("investigation_id"),
        newest.c.fault_class,
        newest.c.severity.label("assessed_severity"),
        newest.c.confidence,
        newest.c.summary,
        newest.c.action,
    )
    return (
        select(incidents, *told, func.coalesce(triggers.c.node, incidents.c.scope_key).label("lead_node"))
        .join(newest, of_it)
        .outerjoin(triggers, triggers.c.id == incidents.c.lead_trigger_id)
        .where(~select(later.c.id).where(*is_later).exists(), *_narrowed(query, newest.c.fault_class))
        .order_by(incidents.c.opened_at.desc(), incidents.c.id)
        .limit(query.limit)
    )


def _narrowed(query: HistoryQuery, fault_class: ColumnElement[str]) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [
        or_(incidents.c.closed_at.is_(None), incidents.c.closed_at >= micros(query.since)),
        incidents.c.merged_into.is_(None),
    ]
    if query.node:
        wanted.append(incidents.c.id.in_(_of_node(query.node)))
    if query.part:
        wanted.append(incidents.c.id.in_(_of_part(query.part)))
    if query.fault_class:
        wanted += [fault_class == query.fault_class, fault_class != ""]  # the index leaves the empty ones out
    if query.excluding:
        wanted.append(incidents.c.id != query.excluding)
    return wanted


_NAMED = select(investigations.c.incident_id).join(
    affected_entities, affected_entities.c.investigation_id == investigations.c.id
)


def _of_node(node: str) -> Select[Any]:
    own = select(incident_nodes.c.incident_id).where(incident_nodes.c.node == node)
    return select(union(own, _NAMED.where(affected_entities.c.node == node)).subquery())


def _of_part(part: str) -> Select[Any]:
    by_uuid = _NAMED.where(affected_entities.c.uuid == part)
    by_serial = _NAMED.where(affected_entities.c.serial == part)
    seen = select(triggers.c.incident_id).where(triggers.c.gpu_uuid == part, triggers.c.incident_id.is_not(None))
    return select(union(by_uuid, by_serial, seen).subquery())


async def _entities(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, Sequence[Entity]]:
    """The culprits named by each of the investigations `ids`."""
    table = affected_entities
    statement = select(table).where(table.c.investigation_id.in_(ids)).order_by(table.c.investigation_id, table.c.place)
    rows = (await connection.execute(statement)).all()
    found: dict[str, list[Entity]] = defaultdict(list)
    for owner, entity in readable(rows, lambda row: (row.investigation_id, _entity(row)), table=table.name):
        found[owner].append(entity)
    return found


def _entity(row: Row[Any]) -> Entity:
    return Entity(
        kind=EntityKind(row.kind),
        name=row.name,
        node=row.node,
        index=row.device_index,
        uuid=row.uuid,
        pci=row.pci,
        serial=row.serial,
    )


async def _actions(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """What was carried out for each of the incidents `ids`, the oldest first; what never started is left out."""
    carried_out = (actions.c.state.in_(_OUTCOME_WORDS), actions.c.started_at.is_not(None))
    statement = select(actions).where(actions.c.incident_id.in_(ids), *carried_out).order_by(actions.c.started_at)
    found: dict[str, list[str]] = defaultdict(list)
    for row in await connection.execute(statement):
        words = f"{row.action} {when(row.started_at).isoformat()} {_OUTCOME_WORDS[row.state]}"
        found[row.incident_id].append(words)
    return found


def _past_incident(row: Row[Any], entities: Sequence[Entity], taken: Sequence[str]) -> PastIncident:
    return PastIncident(
        incident_id=row.id,
        node=row.lead_node,
        opened_at=when(row.opened_at),
        closed_at=when_known(row.closed_at),
        kinds=texts(row.kinds),
        fault_class=row.fault_class,
        severity=Severity(row.assessed_severity),
        confidence=float(row.confidence),
        summary=row.summary,
        action=row.action,
        entities=tuple(entities),
        close_reason=row.close_reason,
        actions_taken=tuple(taken),
    )
