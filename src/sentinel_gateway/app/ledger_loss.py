"""`ledger accept-loss`: go on with a ledger that lost entries since its checkpoint file was written.

A command of its own and no setting: a setting would stay in a manifest and accept every later loss unseen.
"""

from __future__ import annotations

import time

import typer

from sentinel_gateway.app.ledger_place import Place
from sentinel_gateway.app.ledger_signer import signer_of
from sentinel_gateway.app.ledger_words import OK
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.wording import counted
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.database import Database


def accept_loss(place: Place) -> int:
    """Open the ledger once as it is now; a loss is put on record, none changes nothing.

    Raises:
        BadConfiguration: the gateway runs, or the signing key is not there.
    """
    places = place.places()
    signer = signer_of(place, places.signing_key)
    with Database.open(places.database_url) as database:
        head = LedgerReader(database).checkpoint()
        before = head.checkpoint.tree_size if head else 0
        with LedgerWriter.open(database, signer, places.checkpoint, time.time_ns, accept_loss=True) as writer:
            size = writer.size
    entries = counted(size, "entries")
    if size > before:
        typer.echo(f"the ledger goes on with {entries}; what was accepted is on record as entry {size}")
    else:
        typer.echo(f"nothing was lost: the checkpoint file and the ledger ({entries}) agree")
    return OK
