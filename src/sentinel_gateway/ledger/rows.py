"""Entries as rows: many at once, straight through the driver underneath where that is what makes it quick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from sqlalchemy import Connection

EntryRow: TypeAlias = tuple[int, int, int, int | None, bytes, bytes, bytes]
"""Id, type, time in ns, number of the GPU, data, previous hash, hash."""

COLUMNS = "entry_id, entry_type, timestamp_ns, gpu_key, data, previous_hash, entry_hash"
_INSERT = f"INSERT INTO ledger_entries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own column names
_COPY = f"COPY ledger_entries ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
_BETWEEN = (
    "SELECT entry_id, entry_type, timestamp_ns, gpu_key, CASE WHEN length(data) <= 8192 THEN data END,"
    " previous_hash, entry_hash FROM ledger_entries WHERE entry_id BETWEEN {} AND {} ORDER BY entry_id"
)
"""Without large data: so 2,048 rows take 16 MiB at most."""
_DATA = "SELECT data FROM ledger_entries WHERE entry_id = {}"
_CHUNK = 2048
_COPY_TYPES = ("int8", "int8", "int8", "int8", "bytea", "bytea", "bytea")


def entry_rows(connection: Connection, first: int, last: int) -> Iterator[list[EntryRow]]:
    """Entries with these ids and between, in order, some thousands at a time and never all in memory.

    Large data is fetched by itself and comes in a list of its own, so that entries of 16 MiB do not fill the memory.
    """
    for rows in streamed(connection, _BETWEEN, (first, last)):
        begin = 0
        for place, row in enumerate(rows):
            if row[4] is None:
                if place > begin:
                    yield rows[begin:place]
                yield [_with_data(connection, row)]
                begin = place + 1
        yield rows[begin:] if begin else rows


def _with_data(connection: Connection, row: EntryRow) -> EntryRow:
    ((data,),) = fetched(connection, _DATA, row[:1])
    return (*row[:4], data, *row[5:])


def fetched(connection: Connection, sql: str, values: tuple[int, ...]) -> list[Any]:
    """All rows of a query, as the driver gives them. Each ``{}`` takes one of `values`."""
    is_sqlite = connection.dialect.name == "sqlite"
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor() if is_sqlite else driver.cursor(binary=True)
    cursor.execute(sql.format(*["?" if is_sqlite else "%s"] * len(values)), values)
    rows = list(cursor.fetchall())
    cursor.close()
    return rows


def streamed(connection: Connection, sql: str, values: tuple[int, ...]) -> Iterator[list[Any]]:
    """The rows of a query, chunk by chunk; other statements may run meanwhile. Each ``{}`` takes one of `values`."""
    with _cursor(connection, sql, values) as cursor:
        while rows := cursor.fetchmany(_CHUNK):
            yield list(rows)


@contextmanager
def _cursor(connection: Connection, sql: str, values: tuple[int, ...]) -> Iterator[Any]:
    if connection.dialect.name == "sqlite":
        cursor, mark = connection.connection.cursor(), "?"
    else:
        # A named cursor of psycopg's own: the server keeps the rows. Its name must not be in use twice.
        name = f"streamed_{abs(hash((sql, values)))}"
        cursor, mark = connection.connection.driver_connection.cursor(name, binary=True), "%s"  # type: ignore[union-attr]
    try:
        cursor.execute(sql.format(*[mark] * len(values)), values)
        yield cursor
    finally:
        _close(cursor)


def _close(cursor: Any) -> None:  # noqa: ANN401 - of either driver
    try:
        cursor.close()
    except psycopg.OperationalError:
        cursor.close()  # psycopg leaves it open where the server goes away in this very moment; now it tells nobody
        raise


def insert_entries(connection: Connection, rows: Sequence[EntryRow]) -> None:
    """Add entries in the running transaction."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_INSERT, list(rows))
        return
    cursor = connection.connection.cursor()
    with cursor.copy(_COPY) as copy:
        copy.set_types(_COPY_TYPES)
        for row in rows:
            copy.write_row(row)
    cursor.close()
