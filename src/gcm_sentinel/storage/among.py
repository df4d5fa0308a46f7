"""``column IN (…)`` for any number of values, as one parameter: no limit of variables, one statement to prepare."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from gcm_sentinel.storage.codecs import clean, to_json


def among(
    connection: AsyncConnection, column: ColumnElement[Any], values: Collection[str | int]
) -> ColumnElement[bool]:
    """Whether `column` is one of `values`."""
    given = [clean(value) if isinstance(value, str) else value for value in values]
    if connection.dialect.name == "sqlite":
        return column.in_(select(func.json_each(to_json(given)).table_valued("value").c.value))
    return column == any_(bindparam(None, given, type_=ARRAY(column.type), unique=True))
