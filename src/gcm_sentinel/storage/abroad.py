"""What is under way in the whole cluster: nodes that are taken, actions that began, and the circuit breaker.

Read in the caller's transaction, so that whoever begins an action counts at the very moment of beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.acting_policy import Breaker
from gcm_sentinel.domain.action_record import UNDER_WAY, ActionState
from gcm_sentinel.domain.operations import TargetKind
from gcm_sentinel.storage.codecs import micros, when, when_known
from gcm_sentinel.storage.schema import actions as table
from gcm_sentinel.storage.schema import breaker

BREAKER = "fleet"
"""The one circuit breaker there is."""
UNDER_WAY_NAMES = tuple(str(state) for state in UNDER_WAY)
"""`UNDER_WAY` as it is stored."""
_OUT_WITHOUT_A_MARK = timedelta(days=7)
"""How long a GPU that a directive of ours took out counts as out: its node does not show it, and nobody tells us when
the gateway gives it back. Longer than a deep test and a return take."""
_CLOCKS_APART = timedelta(minutes=1)
"""How much two replicas' clocks may differ, and how far behind an API server may list its nodes."""


@dataclass(frozen=True, slots=True)
class Abroad:
    """What is under way at the moment of beginning, this action left out."""

    reserved: frozenset[str]
    """Nodes that actions take out of service that are under way, or ended after the fleet was counted, and those where
    a GPU of theirs is out by a directive of ours."""
    begun: tuple[datetime, ...]
    """When the actions of the time asked for began."""
    breaker: Breaker
    busy: Mapping[str, str] = field(default_factory=dict)
    """Nodes on which something is under way, and what: the operation."""


async def abroad(connection: AsyncConnection, since: datetime, now: datetime, counted_at: datetime | None) -> Abroad:
    """All of it; `since` is how far back `begun` reaches, `counted_at` when the fleet was counted."""
    reserved = await reserved_nodes(connection, now, counted_at)
    return Abroad(reserved, await begun_times(connection, since), await breaker_of(connection), await _busy(connection))


async def begun_times(connection: AsyncConnection, since: datetime) -> tuple[datetime, ...]:
    """When the actions of all incidents began that began since then; those that take back are left out."""
    statement = select(table.c.started_at).where(table.c.started_at >= micros(since), table.c.undoes == "")
    return tuple(when(moment) for moment in await connection.scalars(statement.order_by(table.c.started_at)))


async def _busy(connection: AsyncConnection) -> Mapping[str, str]:
    columns = select(table.c.target_node, table.c.target_name, table.c.action)
    rows = (await connection.execute(columns.where(table.c.state.in_(UNDER_WAY_NAMES)))).all()
    return {row.target_node or row.target_name: row.action for row in rows}


async def reserved_nodes(
    connection: AsyncConnection, now: datetime, counted_at: datetime | None = None
) -> frozenset[str]:
    """Nodes that actions take out of service: under way, ended since `counted_at`, or out by a directive for a GPU."""
    unmarked = (
        table.c.target_kind == str(TargetKind.GPU),
        table.c.state == str(ActionState.DONE),
        table.c.ended_at >= micros(now - _OUT_WITHOUT_A_MARK),
    )
    counts: list[ColumnElement[bool]] = [table.c.state.in_(UNDER_WAY_NAMES), and_(*unmarked)]
    if counted_at is not None:
        just_ended = table.c.ended_at >= micros(counted_at - _CLOCKS_APART)
        counts.append(and_(table.c.started_at.is_not(None), just_ended))
    return frozenset(await connection.scalars(select(table.c.takes_out).where(or_(*counts), table.c.takes_out != "")))


async def breaker_of(connection: AsyncConnection) -> Breaker:
    """The circuit breaker as it stands."""
    row = (await connection.execute(select(breaker).where(breaker.c.name == BREAKER))).one_or_none()
    return Breaker() if row is None else Breaker(when_known(row.opened_at), row.reason)
