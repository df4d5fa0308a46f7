"""Finding the ledger's end again: what is signed, what a crash left unsigned, what the checkpoint file remembers.

Only the end is looked at, so opening takes no longer for a large ledger; `verify` looks at all of it. The rule for what
is mended: whatever a crash can do is, and is recorded where entries are concerned; whatever a crash cannot do stops us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import BadConfiguration, NotKnown
from sentinel_gateway.ledger.batches import key_number, known_keys, newest_batch, store_key
from sentinel_gateway.ledger.checkpoint_file import CheckpointFile
from sentinel_gateway.ledger.cuts import newest_cut
from sentinel_gateway.ledger.fence import take_over
from sentinel_gateway.ledger.gpus import stored_parts
from sentinel_gateway.ledger.head import EMPTY, Head
from sentinel_gateway.ledger.identity import Identity, identity_of
from sentinel_gateway.ledger.nodes import Nodes
from sentinel_gateway.ledger.records import CHECKPOINT_MISSING, KEY_CHANGED, LOSS_ACCEPTED, TAIL_SEALED, system_entry
from sentinel_gateway.ledger.remembered import Ledger, Loss, Replacement, compared
from sentinel_gateway.ledger.rows import entry_rows
from sentinel_sdk.ledger.chain import Chain
from sentinel_sdk.ledger.checkpoint import Signer, VerifierKey
from sentinel_sdk.ledger.entry import NewEntry

log = structlog.get_logger(__name__)

_NEWEST_ENTRY = text("SELECT max(entry_id) FROM ledger_entries")
_HIGHEST = (1 << 63) - 1
_VERIFY = "run `sentinel-gateway ledger verify`, keep the database as evidence, and restore a backup that verifies"


@dataclass(frozen=True, slots=True)
class Place:
    """What one ledger consists of outside its transaction."""

    name: str
    """Of its database, for people."""
    signer: Signer
    file: CheckpointFile


@dataclass(frozen=True, slots=True)
class Opened:
    """What the writer begins with."""

    head: Head
    epoch: int
    """This writer's number, for `fence`."""
    identity: Identity
    """Of its database."""
    tail: tuple[bytes, ...] = ()
    """Hashes of entries that are there, fit, and are not sealed."""
    records: tuple[NewEntry, ...] = ()
    """What is to be recorded about the opening."""
    loss: Loss | Replacement | None = None
    """What was accepted; the checkpoint file that tells of it is to be kept aside as evidence."""


def resume(connection: Connection, place: Place, now_ns: int, *, accept_loss: bool) -> Opened:
    """Become the writer and find out where to go on; stores nothing but who writes and with which key.

    Raises:
        BadConfiguration: the end is not what was signed, or less than the checkpoint file remembers, or the file is
            another database's.
    """
    epoch, identity = take_over(connection), identity_of(connection, place.name)
    signer, file = place.signer, place.file
    keys = known_keys(connection)
    head = _signed_end(connection, keys)
    tail = _unsealed(connection, head)
    records = []
    if tail:
        log.warning("ledger.tail_unsealed", first_entry_id=head.size + 1, last_entry_id=head.size + len(tail))
        span = {"first_entry_id": head.size + 1, "last_entry_id": head.size + len(tail)}
        records.append(system_entry(TAIL_SEALED, now_ns, span))
    if (change := _new_key(connection, keys, signer.key)) is not None and head.size:
        records.append(system_entry(KEY_CHANGED, now_ns, change))
    loss = compared(file, Ledger(connection, head, identity, (*keys.values(), signer.key)))
    if loss is not None and not accept_loss:
        raise BadConfiguration(loss.refusal)
    if loss is not None:
        log.warning("ledger.loss_accepted", **loss.fields)
        records.append(system_entry(LOSS_ACCEPTED, now_ns, loss.fields))
    if head.size and file.read() is None:
        log.warning("ledger.checkpoint_missing", path=str(file.path), entries=head.size)
        records.append(system_entry(CHECKPOINT_MISSING, now_ns, {"entries": head.size, "path": file.path}))
    return Opened(head, epoch, identity, tail, tuple(records), loss)


def missing(connection: Connection, place: Place) -> Loss | Replacement | None:
    """What `resume` would refuse to go on without; only looks.

    Raises:
        BadConfiguration: as `resume`, where no loss can be accepted.
    """
    keys = known_keys(connection)
    head, identity = _signed_end(connection, keys), identity_of(connection, place.name)
    return compared(place.file, Ledger(connection, head, identity, (*keys.values(), place.signer.key)))


def _signed_end(connection: Connection, keys: Mapping[int, VerifierKey]) -> Head:
    """The newest tree head, with the tree that it signs."""
    batch = newest_batch(connection)
    if batch is None:
        return EMPTY
    nodes = Nodes(connection, newest_cut(connection))
    try:
        edge = nodes.edge(batch.last_entry_id)
        last_hash = nodes.subtree(0, batch.last_entry_id - 1)
    except NotKnown as error:
        raise BadConfiguration(f"the ledger's end is missing ({error}): {_VERIFY}") from error
    signed = batch.head(keys)
    if signed is None or not signed.is_genuine or edge.root() != batch.root_hash:
        raise BadConfiguration(f"the ledger's end, entry {batch.last_entry_id}, is not what was signed: {_VERIFY}")
    return Head(edge, last_hash, batch.batch_no, signed)


def _unsealed(connection: Connection, head: Head) -> tuple[bytes, ...]:
    """Entries after the newest tree head, if they fit the chain."""
    newest = connection.scalar(_NEWEST_ENTRY) or 0
    if newest <= head.size:
        return ()
    chain = Chain(head.size + 1, head.last_hash, stored_parts(connection))
    hashes: list[bytes] = []
    for rows in entry_rows(connection, head.size + 1, _HIGHEST):
        good = chain.take(rows)
        hashes += good
        if len(good) < len(rows):
            raise BadConfiguration(f"entry {rows[len(good)][0]} was added to the ledger by somebody else: {_VERIFY}")
    return tuple(hashes)


def _new_key(connection: Connection, keys: Mapping[int, VerifierKey], key: VerifierKey) -> dict[str, object] | None:
    """Remember a key that has not signed here before; what to record about it."""
    if key_number(key) in keys:
        return None
    store_key(connection, key)
    return {"key": key.text, "before": ", ".join(known.text for known in keys.values())}
