"""What is thrown away: closed incidents that are old, then the bodies of the oldest closed ones until the rest fits.

Everything goes in small transactions, so that writers wait for one of them at most; a crash in between leaves less to
do the next time. What is open, being investigated or still owed to a sink is never touched, nor is what is wrong now
(`symptoms`). An incident that lost its bodies keeps its triggers and assessments: the history of nodes and parts goes
on until the incident itself is old.

Replicas that prune at one moment take turns, lest they lock each other's rows.

Space that is freed is used again by the database; a SQLite file does not get smaller by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Delete, Row, Select, delete, exists, func, or_, select, tuple_, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.incident_record import DeliveryState, IncidentState, InvestigationState, TriggerState
from gcm_sentinel.storage.among import among
from gcm_sentinel.storage.codecs import micros
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import (
    actions,
    approvals,
    blobs,
    cooldown_stamps,
    deliveries,
    evidence,
    incidents,
    investigations,
    threads,
    triggers,
    turn_costs,
)

log = structlog.get_logger(__name__)

_INCIDENTS_AT_ONCE = 20
_ROWS_AT_ONCE = 200
_UNDER_WAY = [
    str(state) for state in (InvestigationState.WANTED, InvestigationState.QUEUED, InvestigationState.RUNNING)
]
_OF_NOBODY = [str(TriggerState.REFUSED), str(TriggerState.NOTED)]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was thrown away."""

    incidents: int = 0
    """Closed incidents with everything of theirs."""
    triggers: int = 0
    """Old triggers that belonged to no incident."""
    emptied: int = 0
    """Closed incidents that lost evidence and transcripts to make room."""
    blobs: int = 0
    stored_bytes: int = 0
    """Of those blobs, compressed."""

    def __add__(self, other: Pruned) -> Pruned:
        """Both together."""
        return Pruned(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))


async def prune(database: Database, now: datetime, *, keep: timedelta, max_evidence_bytes: int) -> Pruned:
    """Throw away what is older than `keep`, then evidence and transcripts beyond `max_evidence_bytes` (compressed).

    Raises:
        Retryable: the database is away; what was thrown away so far stays so.
    """
    horizon = micros(now - keep)
    done = await _forget_old(database, horizon)
    done += await _drop_orphans(database, horizon)
    done += await _sweep(database)
    while (excess := await _stored_bytes(database) - max_evidence_bytes) > 0:
        more = await _empty_oldest(database, excess)
        if not more.emptied:
            log.warning("storage.over_limit", excess_bytes=excess, reason="the rest is not settled")
            break
        done += more
    if done != Pruned():
        log.info("storage.pruned", **asdict(done))
    return done


async def _forget_old(database: Database, horizon: int) -> Pruned:
    """Delete settled incidents closed before `horizon`, some at a time, with everything of theirs."""
    old = select(incidents.c.id).where(incidents.c.closed_at < horizon, *_settled())
    lot = old.order_by(incidents.c.closed_at, incidents.c.id).limit(_INCIDENTS_AT_ONCE)
    done = Pruned()
    while True:
        async with database.serialised() as connection:
            ids = list(await connection.scalars(lot))
            if not ids:
                return done
            done += await _forget(connection, ids)


def _settled() -> tuple[ColumnElement[bool], ...]:
    """Closed, and nothing under way or owed that would still need it."""
    of_it = investigations.c.incident_id == incidents.c.id
    owed = deliveries.c.state == str(DeliveryState.OWED)
    its_delivery = deliveries.c.investigation_id == investigations.c.id
    return (
        incidents.c.state == str(IncidentState.CLOSED),
        ~exists().where(of_it, investigations.c.state.in_(_UNDER_WAY)),
        ~exists().where(of_it, its_delivery, owed),
    )


async def _forget(connection: AsyncConnection, ids: list[str]) -> Pruned:
    """Delete some incidents; what has a foreign key goes with them by itself."""
    bodies = await _take_bodies(connection, ids)
    theirs = select(investigations.c.id).where(investigations.c.incident_id.in_(ids))
    await connection.execute(delete(turn_costs).where(turn_costs.c.investigation_id.in_(theirs)))
    for table in (actions, approvals, threads):
        await connection.execute(delete(table).where(table.c.incident_id.in_(ids)))
    await connection.execute(delete(incidents).where(incidents.c.id.in_(ids)))
    return replace(bodies, incidents=len(ids))


async def _take_bodies(connection: AsyncConnection, ids: list[str]) -> Pruned:
    """Delete evidence and transcripts of some incidents, and the bodies that nothing else names."""
    theirs = investigations.c.incident_id.in_(ids)
    its = select(investigations.c.id).where(theirs)
    named = union(
        select(evidence.c.result_blob).where(evidence.c.investigation_id.in_(its)),
        select(investigations.c.transcript_blob).where(theirs, investigations.c.transcript_blob.is_not(None)),
    )
    digests = list(await connection.scalars(named))
    await connection.execute(delete(evidence).where(evidence.c.investigation_id.in_(its)))
    await connection.execute(update(investigations).where(theirs).values(transcript_blob=None))
    unnamed = (await connection.execute(_UNNAMED.where(among(connection, blobs.c.digest, digests)))).all()
    return await _delete_bodies(connection, unnamed)


async def _drop_orphans(database: Database, horizon: int) -> Pruned:
    """Delete what is old and belongs to no incident."""
    nobodys = (triggers.c.incident_id.is_(None), triggers.c.state.in_(_OF_NOBODY), triggers.c.stored_at < horizon)
    some = select(triggers.c.id).where(*nobodys).limit(_ROWS_AT_ONCE)
    dropped = await _repeat(database, delete(triggers).where(triggers.c.id.in_(some)))
    known = exists().where(investigations.c.id == evidence.c.investigation_id)
    by_hand = select(evidence.c.investigation_id).where(evidence.c.stored_at < horizon, ~known).distinct()
    some_by_hand = by_hand.limit(_INCIDENTS_AT_ONCE)
    await _repeat(database, delete(evidence).where(evidence.c.investigation_id.in_(some_by_hand)))
    for table in (turn_costs, cooldown_stamps):
        async with database.serialised() as connection:
            await connection.execute(delete(table).where(table.c.at < horizon))
    return Pruned(triggers=dropped)


async def _repeat(database: Database, statement: Delete) -> int:
    """Delete lot by lot, each in a transaction of its own, until nothing is left; how many rows."""
    deleted = 0
    while True:
        async with database.serialised() as connection:
            lot = (await connection.execute(statement)).rowcount
        if lot <= 0:
            return deleted
        deleted += lot


async def _sweep(database: Database) -> Pruned:
    """Delete the bodies that nothing names any more: what was replaced, gathered by hand, or left by a crash."""
    done, last = Pruned(), ""
    some = _UNNAMED.order_by(blobs.c.digest).limit(_ROWS_AT_ONCE)
    while True:
        async with database.reading() as connection:
            rows = (await connection.execute(some.where(blobs.c.digest > last))).all()
        if not rows:
            return done
        async with database.serialised() as connection:
            done += await _delete_bodies(connection, rows)
        last = rows[-1].digest


_UNNAMED = select(blobs.c.digest, blobs.c.puts).where(
    ~exists().where(evidence.c.result_blob == blobs.c.digest),
    ~exists().where(investigations.c.transcript_blob == blobs.c.digest),
)
"""Bodies that no evidence and no transcript names."""


async def _delete_bodies(connection: AsyncConnection, rows: Sequence[Row[str, int]]) -> Pruned:
    """Delete those of `rows` that nobody has stored again since they were looked at (see blobs.py)."""
    sizes: list[int] = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        # SQLite uses no index for pairs of columns, hence the digests by themselves too.
        by_digest = among(connection, blobs.c.digest, [row.digest for row in some])
        unchanged = tuple_(blobs.c.digest, blobs.c.puts).in_([(row.digest, row.puts) for row in some])
        deleted = delete(blobs).where(by_digest, unchanged).returning(blobs.c.stored_bytes)
        sizes += await connection.scalars(deleted)
    return Pruned(blobs=len(sizes), stored_bytes=sum(sizes))


async def _stored_bytes(database: Database) -> int:
    async with database.reading() as connection:
        return int(await connection.scalar(select(func.coalesce(func.sum(blobs.c.stored_bytes), 0))) or 0)


async def _empty_oldest(database: Database, excess: int) -> Pruned:
    """Take evidence and transcripts from the oldest settled incidents, until theirs add up to `excess`.

    Bodies shared with other incidents stay, so less may become free than was added up; then the caller comes again.
    """
    done, added_up, last = Pruned(), 0, (0, "")
    while added_up < excess:
        async with database.serialised() as connection:
            rows = (await connection.execute(_with_bodies(last))).all()
            lot: list[str] = []
            for row in rows:
                if added_up >= excess:
                    break
                lot.append(row.id)
                added_up, last = added_up + int(row.size), (row.closed_at, row.id)
            if not lot:
                break
            done += replace(await _take_bodies(connection, lot), emptied=len(lot))
    return done


def _with_bodies(after: tuple[int, str]) -> Select[Any]:
    """Settled incidents that have bodies, with the size of these, in the order of their closing.

    The few are chosen first and measured then; the other way round a database may measure all of them each time.
    """
    of_it = investigations.c.incident_id == incidents.c.id
    pieces = exists().where(evidence.c.investigation_id == investigations.c.id)
    has_bodies = exists().where(of_it, or_(investigations.c.transcript_blob.is_not(None), pieces))
    later = tuple_(incidents.c.closed_at, incidents.c.id) > tuple_(*after)
    chosen = (
        select(incidents.c.id, incidents.c.closed_at)
        .where(*_settled(), has_bodies, incidents.c.closed_at.is_not(None), later)
        .order_by(incidents.c.closed_at, incidents.c.id)
        .limit(_INCIDENTS_AT_ONCE)
        .cte("chosen")
    )
    its = investigations.c.incident_id == chosen.c.id
    size = func.coalesce(func.sum(blobs.c.stored_bytes), 0)
    of_pieces = (
        select(size)
        .join(evidence, evidence.c.result_blob == blobs.c.digest)
        .join(investigations, investigations.c.id == evidence.c.investigation_id)
        .where(its)
    )
    of_transcripts = select(size).join(investigations, investigations.c.transcript_blob == blobs.c.digest).where(its)
    whole = (of_pieces.scalar_subquery() + of_transcripts.scalar_subquery()).label("size")
    return select(chosen.c.id, chosen.c.closed_at, whole).order_by(chosen.c.closed_at, chosen.c.id)
