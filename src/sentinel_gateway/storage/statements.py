"""SQL that both databases understand, made once from the names of tables and columns written in this package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, TextClause, text

from sentinel_gateway.domain.errors import Bug

_NAME = re.compile(r"(?<!:):(\w+)")


def inserting(table: str, columns: Sequence[str]) -> TextClause:
    """A new row."""
    names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    return text(f"INSERT INTO {table} ({names}) VALUES ({values})")  # noqa: S608  our own words


def inserting_unless_there(table: str, columns: Sequence[str]) -> TextClause:
    """A new row, or nothing where its key is taken."""
    return text(f"{inserting(table, columns).text} ON CONFLICT DO NOTHING")


def replacing(table: str, columns: Sequence[str], key: Sequence[str]) -> TextClause:
    """A new row, or other values for the one with this key."""
    changed = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key)
    return text(f"{inserting(table, columns).text} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}")


def run_many(connection: Connection, statement: TextClause, rows: Iterable[dict[str, Any]]) -> None:
    """Run a statement for every row; nothing for none.

    The driver binds the names itself, for SQLAlchemy would look at every value of every row.

    Raises:
        Bug: there is a `%` in it, which psycopg takes for a name to bind.
    """
    if "%" in statement.text:
        raise Bug(f"a statement that is run for many rows cannot contain `%`: {statement.text}")
    if parameters := list(rows):
        is_sqlite = connection.dialect.name == "sqlite"
        sql = statement.text if is_sqlite else _NAME.sub(r"%(\1)s", statement.text)
        connection.exec_driver_sql(sql, parameters)
