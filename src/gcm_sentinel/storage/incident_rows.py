"""An incident's row as the record triage decides over, and back.

What is known of the newest investigation is read from its own row, so the two can never disagree. Nodes and kinds stand
in the incident's row as lists: a storm has thousands of nodes, and a decision reads every open incident.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.conditions import Family, fault_family
from gcm_sentinel.domain.incident_record import IncidentRecord, IncidentState, InvestigationState, Urgency
from gcm_sentinel.domain.trigger import FaultScope
from gcm_sentinel.storage.codecs import micros, readable, texts, to_json, when, when_known
from gcm_sentinel.storage.schema import incidents, investigations

RECORDS = select(
    incidents,
    investigations.c.state.label("investigation_state"),
    investigations.c.requested_at.label("investigated_at"),
).outerjoin(
    investigations,
    and_(investigations.c.incident_id == incidents.c.id, investigations.c.revision == incidents.c.revision),
)
"""Selects what `incident_record` reads."""


def incident_record(row: Row[Any]) -> IncidentRecord:
    """The record in a row of `RECORDS`; raises one of `DAMAGE` when the row is damaged."""
    kinds = frozenset(texts(row.kinds))
    return IncidentRecord(
        id=row.id,
        scope=FaultScope(row.scope_kind, row.scope_key),
        state=IncidentState(row.state),
        urgency=Urgency(row.urgency),
        opened_at=when(row.opened_at),
        last_trigger_at=when(row.last_trigger_at),
        revision=row.revision,
        nodes=frozenset(texts(row.nodes)),
        families=frozenset(map(family_of, kinds)),
        kinds=kinds,
        quiet_since=when_known(row.quiet_since),
        flaps=row.flaps,
        investigation=InvestigationState(row.investigation_state) if row.investigation_state else None,
        investigated_at=when_known(row.investigated_at),
        stand_in=bool(row.stand_in),
        revisits=row.revisits,
        failures=row.failures,
        severity=Severity(row.severity) if row.severity else None,
        closed_at=when_known(row.closed_at),
        close_reason=row.close_reason,
    )


def row_of(record: IncidentRecord) -> dict[str, Any]:
    """The columns triage may change, but for the key."""
    return {
        "state": str(record.state),
        "urgency": int(record.urgency),
        "last_trigger_at": micros(record.last_trigger_at),
        "revision": record.revision,
        "nodes": to_json(sorted(record.nodes)),
        "kinds": to_json(sorted(record.kinds)),
        "quiet_since": micros(record.quiet_since),
        "flaps": record.flaps,
        "revisits": record.revisits,
        "closed_at": micros(record.closed_at),
        "close_reason": record.close_reason,
    }


@lru_cache(maxsize=4096)
def family_of(kind: str) -> Family:
    """The family of a kind, looked up once."""
    return fault_family(kind)


async def read_record(connection: AsyncConnection, incident_id: str) -> IncidentRecord | None:
    """One incident, None when there is none of that id or it is damaged."""
    rows = (await connection.execute(RECORDS.where(incidents.c.id == incident_id))).all()
    return next(iter(readable(rows, incident_record, table="incidents")), None)


def records_of(rows: Iterable[Row[Any]]) -> tuple[IncidentRecord, ...]:
    """The readable ones among rows of `RECORDS`."""
    return tuple(readable(rows, incident_record, table="incidents"))
