"""How much of everything there is, for gauges: one short reading transaction, each count by an index or over small
tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.action_record import ApprovalState
from gcm_sentinel.domain.incident_record import DeliveryState, IncidentState, TriggerState, Urgency
from gcm_sentinel.storage.codecs import micros, readable, when_known
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import actions, approvals, breaker, deliveries, incidents, triggers

_LATELY = timedelta(days=1)
_SIZE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@dataclass(frozen=True, slots=True)
class Census:
    """One moment of the database."""

    open_incidents: Mapping[tuple[IncidentState, Urgency], int]
    pending_triggers: int
    oldest_pending: datetime | None
    """When the oldest of them was stored; None when there is none."""
    owed: Mapping[str, int]
    """Deliveries owed, by sink."""
    oldest_owed: datetime | None
    size_bytes: int
    actions: Mapping[tuple[str, str], int]
    """Ordered within a day, by operation and state."""
    oldest_waiting: datetime | None
    """When the oldest question was asked that waits for a person and has not expired."""
    breaker_open: bool


async def take_census(database: Database) -> Census:
    """Count; what cannot be read of incidents is left out with a log event.

    Raises:
        SentinelError: the database is away or damaged.
    """
    pending = triggers.c.state == str(TriggerState.PENDING)
    owing = deliveries.c.state == str(DeliveryState.OWED)
    by_state = select(incidents.c.state, incidents.c.urgency, func.count().label("how_many"))
    living = by_state.where(incidents.c.state != str(IncidentState.CLOSED))
    async with database.reading("census") as connection:
        states = (await connection.execute(living.group_by(incidents.c.state, incidents.c.urgency))).all()
        waiting = (await connection.execute(select(func.count(), func.min(triggers.c.stored_at)).where(pending))).one()
        sinks = (
            await connection.execute(
                select(deliveries.c.notifier, func.count(), func.min(deliveries.c.owed_at))
                .where(owing)
                .group_by(deliveries.c.notifier)
            )
        ).all()
        ordered, asked, opened = await _acting(connection, database.clock.now())
        size = (await connection.execute(text(_SIZE[database.dialect]))).scalar_one()
    return Census(
        open_incidents=dict(readable(states, _counted, table="incidents")),
        pending_triggers=waiting[0],
        oldest_pending=when_known(waiting[1]),
        owed={notifier: count for notifier, count, _ in sinks},
        oldest_owed=when_known(min((since for _, _, since in sinks), default=None)),
        size_bytes=int(size),
        actions=ordered,
        oldest_waiting=asked,
        breaker_open=opened,
    )


async def _acting(
    connection: AsyncConnection, now: datetime
) -> tuple[Mapping[tuple[str, str], int], datetime | None, bool]:
    """Actions of a day by operation and state, the oldest open question, and whether the breaker is open."""
    lately = actions.c.requested_at > micros(now - _LATELY)
    counted = select(actions.c.action, actions.c.state, func.count()).where(lately)
    rows = (await connection.execute(counted.group_by(actions.c.action, actions.c.state))).all()
    open_ = approvals.c.state == str(ApprovalState.WAITING), approvals.c.expires_at > micros(now)
    asked = await connection.scalar(select(func.min(approvals.c.requested_at)).where(*open_))
    opened = await connection.scalar(select(func.count()).where(breaker.c.opened_at.is_not(None)))
    return {(operation, state): count for operation, state, count in rows}, when_known(asked), bool(opened)


def _counted(row: Row[Any]) -> tuple[tuple[IncidentState, Urgency], int]:
    return (IncidentState(row.state), Urgency(row.urgency)), row.how_many
