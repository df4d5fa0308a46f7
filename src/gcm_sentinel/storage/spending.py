"""What model turns have cost, one row per turn, so that hourly and daily budgets hold across restarts and replicas."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

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
        """Store what one turn cost; the same turn again changes nothing. `cost_usd` is None for an unknown price."""
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
