"""Entries as rows: many at once, straight through the driver underneath where that is what makes it quick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from sqlalchemy import Connection, text

EntryRow: TypeAlias = tuple[int, int, int, int | None, bytes, bytes, bytes]
"""Id, type, time in ns, number of the GPU, data, previous hash, hash."""

COLUMNS = "entry_id, entry_type, timestamp_ns, gpu_key, data, previous_hash, entry_hash"
_INSERT = f"INSERT INTO ledger_entries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own column names
_COPY = f"COPY ledger_entries ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
_BETWEEN = f"SELECT {COLUMNS} FROM ledger_entries WHERE entry_id BETWEEN {{}} AND {{}} ORDER BY entry_id"  # noqa: S608 - ditto
_LARGEST = text(
    "SELECT max(size) FROM (SELECT length(data) AS size FROM ledger_entries"
    " WHERE entry_id BETWEEN :first AND :last ORDER BY entry_id LIMIT :rows) AS next_rows"
)
_CHUNK = 2048
_CHUNK_BYTES = 16 << 20
_COPY_TYPES = ("int8", "int8", "int8", "int8", "bytea", "bytea", "bytea")


def entry_rows(connection: Connection, first: int, last: int) -> Iterator[list[EntryRow]]:
    """Entries with these ids and between, in order, some thousands at a time and never all in memory.

    How many come at once depends on the largest of them, so that entries of 16 MiB do not fill the memory.
    """
    with _cursor(connection, _BETWEEN, (first, last)) as cursor:
        while rows := cursor.fetchmany(_rows_at_once(connection, first, last)):
            yield list(rows)
            first = rows[-1][0] + 1


def _rows_at_once(connection: Connection, first: int, last: int) -> int:
    largest = connection.execute(_LARGEST, {"first": first, "last": last, "rows": _CHUNK}).scalar() or 0
    return max(1, min(_CHUNK, _CHUNK_BYTES // max(1, largest)))


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
    cursor.execute(sql.format(*[mark] * len(values)), values)
    try:
        yield cursor
    finally:
        cursor.close()


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
