"""`ledger accept-loss`: go on with a ledger that lost entries since its checkpoint file was written.

A command of its own and no setting: a setting would stay in a manifest and accept every later loss unseen. It shows
what would be accepted, and asks, because what is accepted here no verification complains of again.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from sentinel_gateway.app.ledger_place import Place
from sentinel_gateway.app.ledger_signer import signer_of
from sentinel_gateway.app.ledger_words import BROKEN, NO_ANSWER, OK
from sentinel_gateway.app.places import Places
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.ledger.checkpoint_file import CheckpointFile
from sentinel_gateway.ledger.opening import Place as Writing
from sentinel_gateway.ledger.opening import missing
from sentinel_gateway.ledger.remembered import Loss, Replacement
from sentinel_gateway.ledger.reports.shown import visible
from sentinel_gateway.ledger.wording import counted
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.database import Database
from sentinel_sdk.ledger.checkpoint import Signer, read_note


@dataclass(frozen=True, slots=True)
class Asking:
    """Whether the person is asked."""

    yes: bool = False
    """Agreed to beforehand."""
    dry_run: bool = False
    """Only look."""


def accept_loss(place: Place, asking: Asking) -> int:
    """Show what is lost, ask, and put it on record; where nothing is, nothing is done.

    Raises:
        BadConfiguration: the gateway runs, the signing key is not there, or the ledger's end is not what was signed.
    """
    places = place.places()
    signer = signer_of(place, places.signing_key)
    with Database.open(places.database_url) as database:
        with database.writer_lock():
            loss = _look(database, signer, places)
        if loss is None:
            typer.echo(f"nothing was lost: {database.name} has all that the checkpoint {places.checkpoint} saw")
            return OK
        typer.echo(_shown(database, loss), err=not asking.dry_run)
        if (ended := _agreed(asking)) is not None:
            return ended
        if _look(database, signer, places) != loss:
            raise BadConfiguration("the ledger has changed since this was shown, and nothing was done: look again")
        with LedgerWriter.open(database, signer, places.checkpoint, time.time_ns, accept_loss=True) as writer:
            size = writer.size
    typer.echo(
        f"the ledger goes on with {counted(size, 'entries')}; what was accepted is on record as entry {size}, and the"
        f" checkpoint is kept as {places.checkpoint}.lost-{loss.remembered_size}"
    )
    return OK


def _look(database: Database, signer: Signer, places: Places) -> Loss | Replacement | None:
    with database.reading() as connection:
        return missing(connection, Writing(database.name, signer, CheckpointFile(places.checkpoint)))


def _shown(database: Database, loss: Loss | Replacement) -> str:
    lines = (
        ("database", f"{database.name}, {counted(loss.size, 'entries')}"),
        ("checkpoint", f"{loss.path}, {counted(loss.remembered_size, 'entries')}{_signed_at(loss)}"),
        ("lost", loss.gone),
        (
            "accepted",
            "the ledger goes on without them, which it records for auditors; no verification names them again",
        ),
    )
    return "\n".join(f"  {name:<12}{visible(words)}" for name, words in lines)


def _signed_at(loss: Loss | Replacement) -> str:
    note = CheckpointFile(Path(loss.path)).read()
    if note is None:
        return ""
    at = datetime.fromtimestamp(read_note(note).checkpoint.timestamp_ns // 1_000_000_000, UTC)
    return f", signed {at:%Y-%m-%d %H:%M:%S} UTC"


def _agreed(asking: Asking) -> int | None:
    """None where the loss is to be accepted; else the exit code."""
    if asking.dry_run:
        typer.echo("nothing was changed")
        return OK
    if asking.yes:
        return None
    if not sys.stdin.isatty():
        typer.echo("nobody can be asked here, and nothing was done: give --yes to accept this for good", err=True)
        return NO_ANSWER
    if typer.confirm("accept this loss for good?", err=True):
        return None
    typer.echo("nothing was done", err=True)
    return BROKEN
