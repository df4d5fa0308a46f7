"""Walking the chain: every entry has the next id, names the hash before it, and hashes to what it says.

Rows, not `Entry` values: this loop decides how long a verification takes (3 us an entry). GPUs are looked up by
whatever names them in a row and give the bytes that are hashed, so each identity is encoded once.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeAlias

from sentinel_sdk.ledger.encoding import ENTRY_PREFIX, HEADER
from sentinel_sdk.ledger.entry import HASH_BYTES

ChainRow: TypeAlias = tuple[int, int, int, Any, bytes, bytes, bytes]
"""Id, type, time in ns, what names the GPU, data, previous hash, hash."""
GpuParts: TypeAlias = Mapping[Any, bytes]
"""From what names a GPU (None for none) to its part of the canonical bytes."""

UNHASHABLE = (KeyError, TypeError, struct.error)
"""What damaged rows raise: an unknown GPU, a column of another type, a number out of range."""


class Chain:
    """The place in the chain up to which everything was good."""

    def __init__(self, next_id: int, previous_hash: bytes, parts: GpuParts) -> None:
        self.next_id = next_id
        self.previous_hash = previous_hash
        self.parts = parts

    def take(self, rows: Sequence[ChainRow]) -> list[bytes]:
        """Go on over `rows` up to the first bad one; the answer are the hashes of the good ones."""
        hashes: list[bytes] = []
        add, pack, parts = hashes.append, HEADER.pack, self.parts
        expected, before = self.next_id, self.previous_hash
        try:
            for entry_id, kind, time_ns, gpu, data, previous, entry_hash in rows:
                header = pack(entry_id, kind, time_ns, previous, len(data))
                if (
                    entry_id != expected
                    or previous != before
                    or sha256(ENTRY_PREFIX + header + parts[gpu] + data).digest() != entry_hash
                ):
                    break
                before = entry_hash
                expected += 1
                add(before)
        except UNHASHABLE:
            pass  # the caller sees that this row is missing among the good ones, and says what is wrong with it
        self.next_id, self.previous_hash = expected, before
        return hashes


def hash_at(row: ChainRow, entry_id: int, parts: GpuParts) -> bytes | None:
    """The hash that a row would have as entry `entry_id`; None where it cannot be hashed at all."""
    _, kind, time_ns, gpu, data, previous, _ = row
    try:
        if len(previous) != HASH_BYTES:
            return None
        header = HEADER.pack(entry_id, kind, time_ns, previous, len(data))
        return sha256(ENTRY_PREFIX + header + parts[gpu] + data).digest()
    except UNHASHABLE:
        return None
