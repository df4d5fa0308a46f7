"""`ledger prune`: cut entries older than some days, or say what would go. Only where the gateway does not run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

import typer
from sqlalchemy import text

from sentinel_gateway.app.ledger_place import Place
from sentinel_gateway.app.ledger_signer import signer_of
from sentinel_gateway.app.ledger_words import OK
from sentinel_gateway.ledger.retention import Retention, apply_retention
from sentinel_gateway.ledger.seam import LedgerDatabase
from sentinel_gateway.ledger.wording import counted
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.database import Database

_DUE = text("SELECT coalesce(max(last_entry_id), 0) FROM ledger_batches WHERE timestamp_ns < :before")
_KEPT = text("SELECT coalesce(min(entry_id), 1), coalesce(max(entry_id), 0) FROM ledger_entries")


@dataclass(frozen=True, slots=True)
class Due:
    """What is older."""

    first: int
    last: int
    newest: int

    @property
    def count(self) -> int:
        """How many entries."""
        return max(self.last - self.first + 1, 0)


def due(database: LedgerDatabase, max_age: timedelta, now_ns: int) -> Due:
    """The entries in batches that were sealed longer ago than `max_age`."""
    before = now_ns - max_age // timedelta(microseconds=1) * 1000
    with database.reading() as connection:
        first, newest = connection.execute(_KEPT).one()
        return Due(first, int(connection.scalar(_DUE, {"before": before}) or 0), newest)


def prune(place: Place, days: int, *, dry_run: bool) -> int:
    """Cut, or say what would be cut.

    Raises:
        BadConfiguration: the gateway runs, or the signing key is not there.
    """
    max_age = timedelta(days=days)
    with place.reading() as database:
        found = due(database, max_age, time.time_ns())
    if not found.count:
        typer.echo(f"nothing to remove: no batch was sealed more than {days} days ago")
        return OK
    words = f"{counted(found.count, 'entries')} ({found.first} to {found.last}), {found.newest - found.last:,} stay"
    if dry_run:
        typer.echo(f"would remove {words}; nothing was changed")
        return OK
    _cut(place, max_age)
    typer.echo(f"removed {words}; the cut is on record, and what is left verifies")
    return OK


def _cut(place: Place, max_age: timedelta) -> None:
    places = place.places()
    signer = signer_of(place, places.signing_key)
    retention = Retention(max_age=max_age)
    with (
        Database.open(places.database_url) as database,
        LedgerWriter.open(database, signer, places.checkpoint, time.time_ns) as writer,
    ):
        while _one_cut(database, writer, retention):
            continue


def _one_cut(database: Database, writer: LedgerWriter, retention: Retention) -> bool:
    try:
        with database.writing() as connection:
            done = apply_retention(connection, writer, retention, time.time_ns())
    except BaseException:
        writer.rolled_back()
        raise
    writer.committed()
    return done is not None
