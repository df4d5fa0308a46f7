"""Storing a row that may be there already: the same words in both databases, spelt by SQLAlchemy once for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Values = Mapping[str, Any]


async def insert_new(connection: AsyncConnection, table: Table, rows: Sequence[Values]) -> None:
    """Store those of `rows` whose primary key is not there yet; the others stay as they are."""
    if rows:
        await connection.execute(insert_into(connection, table).on_conflict_do_nothing(), [dict(row) for row in rows])


async def insert_or_replace(connection: AsyncConnection, table: Table, row: Values) -> None:
    """Store `row`, or give every column of it to the row that has its primary key."""
    await insert_or_replace_all(connection, table, [row])


async def insert_or_replace_all(connection: AsyncConnection, table: Table, rows: Sequence[Values]) -> None:
    """`insert_or_replace` for any number of rows with the same columns, in one go."""
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    statement = insert_into(connection, table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    statement = statement.on_conflict_do_update(index_elements=key, set_=changed)
    await connection.execute(statement, [dict(row) for row in rows])


async def insert_or_update(
    connection: AsyncConnection, table: Table, row: Values, *, changing: Collection[str]
) -> None:
    """Store `row` (its values may be expressions), or change the columns `changing` of the one with its key."""
    statement = insert_into(connection, table).values(dict(row))
    key = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in changing}
    await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))


def insert_into(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that can say ``ON CONFLICT``, for the database `connection` leads to."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
