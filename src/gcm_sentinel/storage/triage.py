"""The transaction in which triage decides: everything it needs is read, the decision is written, or nothing happened.

Sessions are serialised over all replicas, with each other and with whoever else decides from these rows (storing
triggers, starting and finishing investigations, requests of people): a decision is never made from what another one is
about to change. So every replica may run triage, and none needs to lead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.incident_record import (
    CoolDownStamp,
    IncidentRecord,
    IncidentState,
    StoredTrigger,
    Symptom,
    TriggerState,
    Urgency,
)
from gcm_sentinel.domain.triage_changes import Join, OpenIncident, TriageChange, TriageSnapshot
from gcm_sentinel.domain.trigger import Trigger
from gcm_sentinel.storage.among import among
from gcm_sentinel.storage.codecs import micros, readable, when
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.incident_rows import RECORDS, records_of
from gcm_sentinel.storage.schema import cooldown_stamps, incidents, symptoms, triggers
from gcm_sentinel.storage.symptoms import IS_BAD, SYMPTOMS, symptom_of
from gcm_sentinel.storage.triage_plan import Plan
from gcm_sentinel.storage.triage_writes import write_plan
from gcm_sentinel.storage.trigger_rows import stored_trigger, trigger_of

_MOST_PENDING = 20_000
"""More than this wait for the next session: a decision must fit into memory and into the lock's patience."""


class TriageSession:
    """One decision; valid inside `TriageStore.session` only."""

    def __init__(self, connection: AsyncConnection, snapshot: TriageSnapshot) -> None:
        self.snapshot = snapshot
        """What the decision is made from."""
        self._connection = connection
        self._applied = False

    async def apply(self, changes: Sequence[TriageChange]) -> None:
        """Write the decision, all of it or nothing; once per session.

        Raises:
            Bug: it names something that is not in the snapshot, or this is the second decision.
        """
        if self._applied:
            raise Bug("one triage session takes one decision: open another session for the next")
        self._applied = True
        pending = {stored.id: stored.trigger for stored in self.snapshot.pending}
        await apply_changes(self._connection, self.snapshot.incidents, pending, changes)


class TriageStore:
    """Where triage decides."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def session(self, now: datetime, *, burst: timedelta, cooldown: timedelta) -> AsyncIterator[TriageSession]:
        """Decide alone among all replicas. Commits on leaving; nothing is written when the body raises.

        `burst` and `cooldown` say how far back closed incidents and stamps are read. No other method of storage may be
        called by the same task inside.

        Raises:
            Retryable: nothing was written, or it is not known: decide again from a new session.
        """
        async with self._database.serialised("triage.session") as connection:
            yield TriageSession(connection, await _snapshot(connection, now, burst, cooldown))

    async def next_due(self, now: datetime) -> datetime | None:
        """When there is something to decide: `now` when triggers wait, else when the first held one's time comes."""
        waiting = triggers.c.state == str(TriggerState.PENDING)
        held = triggers.c.state == str(TriggerState.HELD)
        async with self._database.reading() as connection:
            if await connection.scalar(select(triggers.c.id).where(waiting).limit(1)) is not None:
                return now
            due = await connection.scalar(select(func.min(triggers.c.hold_until)).where(held))
        return None if due is None else max(now, when(due))


async def apply_changes(
    connection: AsyncConnection,
    records: Iterable[IncidentRecord],
    known: dict[int, Trigger],
    changes: Sequence[TriageChange],
) -> None:
    """Write `changes` over `records` in a serialised transaction; `known` are triggers read already.

    Raises:
        Bug: a change names an incident or a trigger that is not there.
    """
    named = {one for change in changes if isinstance(change, OpenIncident | Join) for one in change.trigger_ids}
    plan = Plan({record.id: record for record in records}, known | await _triggers(connection, named - known.keys()))
    for change in changes:
        plan.take(change)
    await write_plan(connection, plan)


async def _triggers(connection: AsyncConnection, ids: set[int]) -> dict[int, Trigger]:
    if not ids:
        return {}
    rows = (await connection.execute(select(triggers).where(among(connection, triggers.c.id, ids)))).all()
    return dict(readable(rows, lambda row: (int(row.id), trigger_of(row)), table="triggers"))


async def _snapshot(
    connection: AsyncConnection, now: datetime, burst: timedelta, cooldown: timedelta
) -> TriageSnapshot:
    pending = await _pending(connection, now, now + 2 * cooldown)
    nodes = {stored.trigger.node for stored in pending}
    records = await _incidents(connection, now - burst)
    return TriageSnapshot(
        pending=pending,
        symptoms=await _symptoms(connection, nodes, {record.id for record in records}),
        incidents=records,
        stamps=await _stamps(connection, nodes, now - cooldown),
    )


async def _pending(connection: AsyncConnection, now: datetime, latest: datetime) -> tuple[StoredTrigger, ...]:
    """What triage looks at now.

    A hold beyond `latest` was written before the clock was set back: its time counts as come. No decision made at `now`
    holds that long (a stamp lies ahead of now by a cool-down at most), so none is looked at over and over.
    """
    over = or_(triggers.c.hold_until <= micros(now), triggers.c.hold_until > micros(latest))
    due = or_(triggers.c.state == str(TriggerState.PENDING), and_(triggers.c.state == str(TriggerState.HELD), over))
    rows = (await connection.execute(select(triggers).where(due).order_by(triggers.c.id).limit(_MOST_PENDING))).all()
    found = tuple(readable(rows, stored_trigger, table="triggers"))
    if len(found) < len(rows):
        await _put_aside(connection, {row.id for row in rows} - {stored.id for stored in found})
    return tuple(_released(stored, now) for stored in found)


def _released(stored: StoredTrigger, now: datetime) -> StoredTrigger:
    if stored.hold_until is None or stored.hold_until <= now:
        return stored
    return replace(stored, hold_until=now)


async def _put_aside(connection: AsyncConnection, damaged: set[int]) -> None:
    """Refuse triggers that cannot be read, lest they stand in the way of every decision to come."""
    ruling = {"state": str(TriggerState.REFUSED), "ruling": "this row is damaged", "hold_until": None}
    await connection.execute(update(triggers).where(among(connection, triggers.c.id, damaged)).values(ruling))


async def _incidents(connection: AsyncConnection, closed_since: datetime) -> tuple[IncidentRecord, ...]:
    recent = or_(incidents.c.state != str(IncidentState.CLOSED), incidents.c.closed_at >= micros(closed_since))
    rows = (await connection.execute(RECORDS.where(recent).order_by(incidents.c.opened_at, incidents.c.id))).all()
    return records_of(rows)


async def _symptoms(connection: AsyncConnection, nodes: set[str], ids: set[str]) -> tuple[Symptom, ...]:
    concerned = or_(among(connection, symptoms.c.node, nodes), among(connection, symptoms.c.incident_id, ids))
    rows = (await connection.execute(SYMPTOMS.where(IS_BAD, concerned))).all()
    return tuple(readable(rows, symptom_of, table="symptoms"))


async def _stamps(connection: AsyncConnection, nodes: set[str], since: datetime) -> tuple[CoolDownStamp, ...]:
    fresh = cooldown_stamps.c.at > micros(since)
    statement = select(cooldown_stamps).where(among(connection, cooldown_stamps.c.node, nodes), fresh)
    rows = (await connection.execute(statement)).all()
    return tuple(readable(rows, _stamp, table="cooldown_stamps"))


def _stamp(row: Row[Any]) -> CoolDownStamp:
    return CoolDownStamp(row.node, row.kind, when(row.at), Urgency(row.urgency))
