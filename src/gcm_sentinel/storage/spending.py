"""What model turns have cost, one row per bill, so that hourly and daily budgets hold across restarts and replicas.

A turn has one bill, or several where a crash lost its record after it was paid: then it was asked, and paid, again. A
bill is known by its turn and the moment the turn ended, so that writing it again (whether a commit arrived may not be
known) changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.domain.assessment import Spend
from gcm_sentinel.domain.transcript import Usage
from gcm_sentinel.storage.codecs import clean, micros
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import turn_costs as table
from gcm_sentinel.storage.upsert import insert_new


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used in a stretch of time."""

    tokens: int
    """Prompt and answer tokens together."""
    usd: float
    """Of the turns whose price is known."""
    unpriced_turns: int = 0
    """Turns whose price is not known; they count as nothing in `usd`."""


class Spending:
    """The spending records of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(  # noqa: PLR0913 - one row: every argument is a column
        self,
        investigation_id: str,
        turn: int,
        at: datetime,
        usage: Usage,
        cost_usd: float | None,
        engine: str,
        model: str,
    ) -> None:
        """Store what one turn cost that ended at `at`; the same bill again changes nothing.

        `cost_usd` is None for an unknown price.
        """
        row = {
            "investigation_id": investigation_id,
            "turn": turn,
            "at": micros(at),
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": cost_usd,
            "engine": clean(engine),
            "model": clean(model),
        }
        async with self._database.writing() as connection:
            await insert_new(connection, table, [row])

    async def since(self, at: datetime) -> Spent:
        """What all investigations together used from `at` on."""
        statement = select(
            func.coalesce(func.sum(table.c.input_tokens + table.c.output_tokens), 0),
            func.coalesce(func.sum(table.c.cost_usd), 0.0),
            func.coalesce(func.sum(case((table.c.cost_usd.is_(None), 1), else_=0)), 0),
        ).where(table.c.at >= micros(at))
        async with self._database.reading() as connection:
            tokens, usd, unpriced = (await connection.execute(statement)).one()
        return Spent(int(tokens), float(usd), int(unpriced))


async def with_lost_turns(connection: AsyncConnection, investigation_id: str, spend: Spend) -> Spend:
    """`spend`, which counts each recorded turn once, with what was paid for turns whose record was lost.

    Those are all bills of a turn but the newest, and those of turns beyond the recorded ones, which are left by a job
    that was set back to its beginning.
    """
    newest = func.max(table.c.at).over(partition_by=table.c.turn)
    bills = select(table, newest.label("newest")).where(table.c.investigation_id == investigation_id).subquery()
    unrecorded = or_(bills.c.at < bills.c.newest, bills.c.turn > spend.rounds)
    lost = (await connection.execute(select(bills).where(unrecorded))).all()
    costs = [spend.cost_usd, *(bill.cost_usd for bill in lost)]
    known = [cost for cost in costs if cost is not None]
    return replace(
        spend,
        input_tokens=spend.input_tokens + sum(bill.input_tokens for bill in lost),
        cached_tokens=spend.cached_tokens + sum(bill.cached_tokens for bill in lost),
        output_tokens=spend.output_tokens + sum(bill.output_tokens for bill in lost),
        cost_usd=sum(known) if len(known) == len(costs) else None,
    )
