"""A ledger in a database of its own, and ways to look at it and to spoil it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.postgres import Tables

from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.rows import COLUMNS, insert_entries
from sentinel_gateway.ledger.scope import EVERYTHING, Scope
from sentinel_gateway.ledger.verify import verify_ledger
from sentinel_gateway.ledger.writer import Appended, LedgerWriter
from sentinel_gateway.storage.connecting import SCHEMA
from sentinel_gateway.storage.database import Database
from sentinel_sdk.ledger.chain import hash_at
from sentinel_sdk.ledger.checkpoint import SignedCheckpoint
from sentinel_sdk.ledger.encoding import NO_GPU
from sentinel_sdk.ledger.entry import Entry, EntryGpu, NewEntry
from sentinel_sdk.ledger.verification import Verification

ORIGIN = "sentinel.test/ledger"
T0 = 1_800_000_000_000_000_000
GPUS = (
    EntryGpu("GPU-00000000-0000-0000-0000-000000000001", "node-1", 0, "NVIDIA H100 80GB HBM3", "580.1", "96.00"),
    EntryGpu("GPU-00000000-0000-0000-0000-000000000002", "node-ü", 7),
    EntryGpu(""),
)
_SQLITE_FIRST = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
postgresql_when_slow = pytest.mark.parametrize("module_book", _SQLITE_FIRST, indirect=True)
"""What our own code decides, whichever database it is: quickly on SQLite, on PostgreSQL too by the slow tests."""
book_on_postgresql_when_slow = pytest.mark.parametrize("url", _SQLITE_FIRST, indirect=True)
"""The same for a ledger of the test's own."""
SIZES = (1, 2, 3, 250, 44)
"""Batches of a ledger of 300 entries."""


TABLES = Tables(SCHEMA, filled=("schema_version", "ledger_writer", "ledger_identity", "core_round"))
"""What a database may keep from one test to the next; the number of the last writer is only ever compared."""


class Clock:
    """Nanoseconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now_ns = T0

    def __call__(self) -> int:
        """The present time."""
        return self.now_ns


def new_entries(count: int, first: int = 1) -> list[NewEntry]:
    """Entries of all types, with and without GPU, a second apart."""
    return [
        NewEntry(n % 6 + 1, T0 + n * 1_000_000_000, f"event {n}".encode(), GPUS[n % 4] if n % 4 < len(GPUS) else None)
        for n in range(first, first + count)
    ]


class Book:
    """An open ledger."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.clock = Clock()
        self.signer = load_signer(folder / "key.pem", ORIGIN)
        self.checkpoint_path = folder / "checkpoint"

    @contextmanager
    def writing(self, **how: bool) -> Iterator[LedgerWriter]:
        """Its writer."""
        with LedgerWriter.open(self.database, self.signer, self.checkpoint_path, self.clock, **how) as writer:
            yield writer

    def append(self, writer: LedgerWriter, entries: Sequence[NewEntry], key: str | None = None) -> Appended:
        """Append in a transaction of its own."""
        with self.database.writing() as connection:
            done = writer.append(connection, entries, key)
        writer.committed()
        return done

    def fill(self, *sizes: int) -> None:
        """Batches of these sizes."""
        with self.writing() as writer:
            for size in sizes:
                self.append(writer, new_entries(size, writer.size + 1))

    def abandon(self, writer: LedgerWriter, *steps: Callable[[Connection], object]) -> None:
        """Do something in a transaction that then fails."""
        try:
            with self.database.writing() as connection:
                for step in steps:
                    step(connection)
                raise _UndoneError
        except _UndoneError:
            writer.rolled_back()

    @property
    def reader(self) -> LedgerReader:
        """For reading it."""
        return LedgerReader(self.database)

    @property
    def head(self) -> SignedCheckpoint:
        """Its newest tree head."""
        head = self.reader.checkpoint()
        assert head is not None
        return head

    def entry(self, entry_id: int) -> Entry:
        """An entry that is there."""
        entry = self.reader.entry(entry_id)
        assert entry is not None
        return entry

    def verify(self, scope: Scope = EVERYTHING) -> Verification:
        """All of it, unless `scope` says less."""
        return verify_ledger(self.database, scope)

    @contextmanager
    def spoiling(self) -> Iterator[Spoiled]:
        """A transaction in which it can be changed; undone on leaving."""
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(self.database.writing())
                yield Spoiled(connection)
                raise _UndoneError
            except _UndoneError:
                connection.rollback()


class _UndoneError(Exception):
    pass


class Spoiled:
    """A ledger inside a transaction; is a `LedgerDatabase` for reading."""

    name = "spoiled"

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The transaction itself."""
        yield self.connection

    def verify(self, scope: Scope = EVERYTHING) -> Verification:
        """What verification says now."""
        return verify_ledger(self, scope)  # type: ignore[arg-type]  # never written

    def run(self, sql: str, **values: Any) -> Any:
        """One statement."""
        return self.connection.execute(text(sql), values)

    def rows(self) -> list[tuple[Any, ...]]:
        """All entries as stored."""
        return [tuple(row) for row in self.run(f"SELECT {COLUMNS} FROM ledger_entries ORDER BY entry_id")]  # noqa: S608 - ours

    def replace_rows(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Other entries instead."""
        self.run("DELETE FROM ledger_entries")
        insert_entries(self.connection, list(rows))


def forged(place: int, previous: bytes) -> tuple[Any, ...]:
    """A row by somebody who knows how entries are hashed and has no key."""
    row = (place, 6, 5, None, b"forged", previous, b"")
    return (*row[:6], hash_at(row, place, {None: NO_GPU}))


@contextmanager
def opened(url: str, folder: Path, *, create: bool = True) -> Iterator[Book]:
    """A ledger in the database at `url`, its files in `folder`."""
    with Database.open(url, create=create) as database:
        yield Book(database, folder)
