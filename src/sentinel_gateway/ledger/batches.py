"""Batches and their signed tree heads as rows: one batch for each append, in the order of the ledger.

A row holds what a note is made of, not the note, so that no column is left that no signature covers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from sentinel_gateway.ledger.rows import streamed
from sentinel_sdk.ledger.checkpoint import Checkpoint, SignedCheckpoint, VerifierKey

COLUMNS = "batch_no, last_entry_id, root_hash, timestamp_ns, key_id, signature"
_INSERT = text(f"""
    INSERT INTO ledger_batches ({COLUMNS})
    VALUES (:batch_no, :last_entry_id, :root_hash, :timestamp_ns, :key_id, :signature)
""")  # noqa: S608 - our own column names
_NEWEST = text(f"SELECT {COLUMNS} FROM ledger_batches ORDER BY batch_no DESC LIMIT 1")  # noqa: S608 - ditto
_OF_SIZE = text(f"SELECT {COLUMNS} FROM ledger_batches WHERE last_entry_id = :size")  # noqa: S608 - ditto
_ALL = f"SELECT {COLUMNS} FROM ledger_batches ORDER BY batch_no"  # noqa: S608 - ditto
_COVERING = f"SELECT {COLUMNS} FROM ledger_batches WHERE last_entry_id >= {{}} ORDER BY batch_no"  # noqa: S608 - ditto
_KEYS = text("SELECT key_id, origin, public_key FROM ledger_keys")
_ADD_KEY = text("INSERT INTO ledger_keys (key_id, origin, public_key) VALUES (:key_id, :origin, :public_key)")


@dataclass(frozen=True, slots=True)
class Batch:
    """One row."""

    batch_no: int
    last_entry_id: int
    root_hash: bytes
    timestamp_ns: int
    key_id: int
    signature: bytes

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Batch:
        """The row of `COLUMNS`."""
        batch_no, last, root, timestamp_ns, key_id, signature = row
        return cls(batch_no, last, bytes(root), timestamp_ns, key_id, bytes(signature))

    def head(self, keys: Mapping[int, VerifierKey]) -> SignedCheckpoint | None:
        """Its signed tree head, not checked; None where its key is not known."""
        key = keys.get(self.key_id)
        if key is None:
            return None
        checkpoint = Checkpoint(key.origin, self.last_entry_id, self.root_hash, self.timestamp_ns, self.batch_no)
        return SignedCheckpoint(checkpoint, key, self.signature)


def key_number(key: VerifierKey) -> int:
    """A key's id as the tables hold it."""
    return int.from_bytes(key.key_id)


def store_batch(connection: Connection, head: SignedCheckpoint) -> None:
    """Add the newest batch."""
    row = {
        "batch_no": head.checkpoint.batch_no,
        "last_entry_id": head.checkpoint.tree_size,
        "root_hash": head.checkpoint.root_hash,
        "timestamp_ns": head.checkpoint.timestamp_ns,
        "key_id": key_number(head.key),
        "signature": head.signature,
    }
    connection.execute(_INSERT, row)


def newest_batch(connection: Connection) -> Batch | None:
    """The last batch; None in an empty ledger."""
    row = connection.execute(_NEWEST).first()
    return None if row is None else Batch.from_row(row)


def batch_of_size(connection: Connection, size: int) -> Batch | None:
    """The batch that ended with entry `size`; None where none did, or retention removed it."""
    row = connection.execute(_OF_SIZE, {"size": size}).first()
    return None if row is None else Batch.from_row(row)


def batches_in_order(connection: Connection, covering: int | None = None) -> Iterator[Batch]:
    """Every batch by its number; with `covering`, only those that end with this entry or later."""
    chunks = streamed(connection, _ALL, ()) if covering is None else streamed(connection, _COVERING, (covering,))
    for rows in chunks:
        yield from map(Batch.from_row, rows)


def known_keys(connection: Connection) -> dict[int, VerifierKey]:
    """Every key that ever signed this ledger, as the database has them; rows that were changed are left out."""
    found = {}
    for number, origin, public_key in connection.execute(_KEYS):
        try:
            key = VerifierKey(origin, bytes(public_key))
        except ValueError:
            continue  # what it signed is then told to be signed by an unknown key
        if key_number(key) == number:
            found[number] = key
    return found


def store_key(connection: Connection, key: VerifierKey) -> None:
    """Remember a key."""
    connection.execute(_ADD_KEY, {"key_id": key_number(key), "origin": key.origin, "public_key": key.public_key})
