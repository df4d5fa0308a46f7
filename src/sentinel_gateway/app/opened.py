"""The database with the ledger's writer on it: there is one such process per database, and this makes sure of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import text

from sentinel_gateway.app.places import Places
from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.store import Store
from sentinel_sdk.ledger.checkpoint import Signer


@dataclass(frozen=True, slots=True)
class Opened:
    """What the core writes to."""

    database: Database
    store: Store
    writer: LedgerWriter
    signer: Signer
    reader: LedgerReader

    def newest_note(self) -> str | None:
        """The newest tree head that was committed, as the writer remembers it; None in an empty ledger."""
        signed = self.writer.checkpoint
        return signed.note if signed else None

    def ping(self) -> None:
        """Ask the database for nothing; blocking.

        Raises:
            GatewayError: it does not answer.
        """
        with self.database.reading() as connection:
            connection.execute(text("SELECT 1"))


@contextmanager
def open_stores(places: Places, origin: str, now_ns: Callable[[], int]) -> Iterator[Opened]:
    """Open everything that is kept, and make what is missing; blocking, for the start of the process.

    The key comes after the database, so that none is made while the database is away.

    Raises:
        BadConfiguration: another writer, a database of a newer version, a ledger that is not what was signed.
        Unavailable: the database is away.
    """
    places.make_folder()
    with Database.open(places.database_url) as database:
        signer = load_signer(places.signing_key, origin)
        with LedgerWriter.open(database, signer, places.checkpoint, now_ns) as writer:
            yield Opened(database, Store(database), writer, signer, LedgerReader(database))
