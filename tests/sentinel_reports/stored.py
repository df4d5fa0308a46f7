"""A book's entries stored by the ledger's own writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.sentinel_reports.book import Book, at

from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.database import Database
from sentinel_sdk.ledger.checkpoint import VerifierKey
from sentinel_sdk.ledger.entry import NewEntry

BATCH = 5


@dataclass
class Stored:
    """An open ledger and what is needed to verify it."""

    url: str
    folder: Path
    database: Database
    writer: LedgerWriter
    key: VerifierKey
    now_ns: Callable[[], int]

    @property
    def key_file(self) -> Path:
        path = self.folder / "operator.pub"
        path.write_text(self.key.text)
        return path


@contextmanager
def stored(url: str, folder: Path, book: Book) -> Iterator[Stored]:
    """Store `book` in batches of five at noon of the day after it."""
    signer = load_signer(folder / "signing-key.pem", "sentinel.test/reports")

    def now_ns() -> int:
        return at(36)

    with (
        Database.open(url) as database,
        LedgerWriter.open(database, signer, folder / "checkpoint", now_ns) as writer,
    ):
        for first in range(0, len(book.entries), BATCH):
            batch = book.entries[first : first + BATCH]
            with database.writing() as connection:
                writer.append(connection, [NewEntry(e.entry_type, e.timestamp_ns, e.data, e.gpu) for e in batch])
            writer.committed()
        yield Stored(url, folder, database, writer, signer.key, now_ns)
