"""Requests to append that carry a key, so that one that is sent again is not recorded again.

What a key was used for is stored in the transaction of the entries themselves. It is forgotten with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import AlreadyThere, Invalid
from sentinel_sdk.ledger.encoding import canonical
from sentinel_sdk.ledger.entry import GENESIS_HASH, Entry, NewEntry

KEY_LIMIT = 200
"""Most characters of a key."""

_FIND = text("SELECT digest, first_entry_id, last_entry_id FROM ledger_requests WHERE request_key = :key")
_INSERT = text("""
    INSERT INTO ledger_requests (request_key, digest, first_entry_id, last_entry_id)
    VALUES (:key, :digest, :first, :last)
""")


def digest_of(entries: Sequence[NewEntry]) -> bytes:
    """What tells requests of one key apart: their entries, wherever these would come to stand.

    Raises:
        Invalid: an entry that cannot be encoded.
    """
    digest = sha256()
    for number, new in enumerate(entries):
        unplaced = Entry(number, new.entry_type, new.timestamp_ns, new.data, new.gpu, GENESIS_HASH, b"")
        try:
            digest.update(canonical(unplaced))
        except ValueError as error:
            raise Invalid(str(error)) from error
    return digest.digest()


def answered_before(connection: Connection, key: str, digest: bytes) -> tuple[int, int] | None:
    """First and last entry that the same request made; None where the key is new.

    Raises:
        AlreadyThere: the key was used for something else.
        Invalid: no key one can store.
    """
    if not key or len(key) > KEY_LIMIT or not key.isprintable():
        raise Invalid(f"an idempotency key has 1 to {KEY_LIMIT} printable characters")
    row = connection.execute(_FIND, {"key": key}).first()
    if row is None:
        return None
    if bytes(row[0]) != digest:
        raise AlreadyThere(f"the idempotency key {key!r} was used for other entries ({row[1]} to {row[2]})")
    return row[1], row[2]


def remember(connection: Connection, key: str, digest: bytes, first: int, last: int) -> None:
    """Keep what a key was used for."""
    connection.execute(_INSERT, {"key": key, "digest": digest, "first": first, "last": last})
