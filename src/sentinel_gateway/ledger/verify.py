"""Verifying the stored ledger: what is wrong first, if anything is, and what kind of wrong.

One consistent read, so it may run beside the writer and on a database that can only be read. Everything that is stored
is covered: entries and the GPUs they name by the chain, the chain by the tree heads, those by their signatures, inner
hashes and retention cuts by comparison. What no database can show about itself, that its end or all of it was replaced,
is shown by a checkpoint from outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeAlias

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.ledger.batches import batches_in_order, key_number, known_keys, newest_batch
from sentinel_gateway.ledger.beginning import beginning_of
from sentinel_gateway.ledger.expected import Expected
from sentinel_gateway.ledger.gpus import stored_parts
from sentinel_gateway.ledger.heads import Heads
from sentinel_gateway.ledger.nodes import Nodes, stored_nodes
from sentinel_gateway.ledger.rows import EntryRow, entry_rows
from sentinel_gateway.ledger.scope import EVERYTHING, Scope
from sentinel_gateway.ledger.seam import LedgerDatabase
from sentinel_sdk.ledger import faults
from sentinel_sdk.ledger.chain import Chain
from sentinel_sdk.ledger.diagnosis import Break, diagnose
from sentinel_sdk.ledger.verification import Fault, FaultKind, Verification

Progress: TypeAlias = Callable[[int, int], None]
"""Told, now and then, how many entries of how many were verified."""

_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
_NEWEST_ENTRY = text("SELECT max(entry_id) FROM ledger_entries")
_HASH_OF = text("SELECT entry_hash FROM ledger_entries WHERE entry_id = :entry_id")


def verify_ledger(
    database: LedgerDatabase, scope: Scope = EVERYTHING, progress: Progress = lambda _verified, _total: None
) -> Verification:
    """Verify a ledger or a range of it.

    Raises:
        Invalid: a range outside the ledger, or a note that is no checkpoint.
        Unavailable: the database is away.
    """
    began = time.perf_counter()
    with database.reading() as connection:
        walk = _Walk(connection, scope, progress)
        fault = walk.fault()
        batches = walk.heads.verified if walk.heads else 0
    return Verification(fault, walk.entries_verified, batches, timedelta(seconds=time.perf_counter() - began))


class _Walk:
    """One verification."""

    def __init__(self, connection: Connection, scope: Scope, progress: Progress) -> None:
        self.entries_verified = 0
        self.heads: Heads | None = None
        self._connection = connection
        self._scope = scope
        self._progress = progress
        self._parts = stored_parts(connection)
        self._keys = {key_number(key): key for key in scope.trusted_keys} or known_keys(connection)
        batch = newest_batch(connection)
        self._signed_size = batch.last_entry_id if batch else 0
        self._newest = max(connection.scalar(_NEWEST_ENTRY) or 0, self._signed_size, 0)
        self._beginning = beginning_of(connection, self._parts)

    def fault(self) -> Fault | None:
        """The first fault, or None."""
        expected = Expected.from_note(
            self._scope.expected_note, self._keys.values(), are_trusted=bool(self._scope.trusted_keys)
        )
        first, last = self._range()
        if self._beginning.fault is not None and self._beginning.is_certain:
            return self._beginning.fault
        try:
            chain = Chain(first, self._hash_before(first), self._parts)
            if self._scope.with_roots:
                self.heads = self._heads_from(first)
        except NotKnown as error:
            return faults.no_beginning(first, str(error))
        fault = self._at_cut(first) or self._along(chain, last) or self._at_end(chain, last, expected)
        return fault or self._beginning.fault or self._of_nodes() or expected.fault(self._connection, self._beginning)

    def _range(self) -> tuple[int, int]:
        start, end = self._scope.start_entry_id, self._scope.end_entry_id or self._newest
        if start < 0 or end > self._newest or start > max(end, 1):
            raise Invalid(f"entries {start} to {end} cannot be verified: the ledger's newest entry is {self._newest}")
        return max(start, self._beginning.first_kept), end

    def _begins_at(self, first: int) -> bool:
        return first == self._beginning.first_kept

    def _hash_before(self, first: int) -> bytes:
        if self._begins_at(first):
            return self._beginning.previous_hash
        found = self._connection.scalar(_HASH_OF, {"entry_id": first - 1})
        if found is None:
            raise NotKnown(f"entry {first - 1} is missing")
        return bytes(found)

    def _heads_from(self, first: int) -> Heads:
        if self._begins_at(first):
            heads = Heads(self._connection, self._beginning.edge(), batches_in_order(self._connection), self._keys)
            heads.expect_number(0 if self._beginning.removed == 0 else None)
            return heads
        edge = Nodes(self._connection, self._beginning.cut).edge(first - 1)
        return Heads(self._connection, edge, batches_in_order(self._connection, covering=first), self._keys)

    def _at_cut(self, first: int) -> Fault | None:
        """The tree head over all that retention removed is kept, and must be sound."""
        if self.heads is None or self._beginning.removed == 0 or not self._begins_at(first):
            return None
        return self.heads.check_beginning()

    def _along(self, chain: Chain, last: int) -> Fault | None:
        first = chain.next_id
        chunks = entry_rows(self._connection, *self._bounds(first, last))
        for rows in chunks:
            hashes = chain.take(rows)
            self.entries_verified += len(hashes)
            if self.heads is not None and (fault := self.heads.take(hashes)) is not None:
                return self._sharper(fault, self._break_in(rows[len(hashes) :], chain, chunks, first))
            if len(hashes) < len(rows):
                return self._break_in(rows[len(hashes) :], chain, chunks, first)
            self._progress(self.entries_verified, last - first + 1)
        return None

    def _break_in(
        self, rows: list[EntryRow], chain: Chain, chunks: Iterator[list[EntryRow]], first: int
    ) -> Fault | None:
        """What broke the chain at the first of `rows`, or of those after them; None where it goes on for a while."""
        if not rows:
            rows = next(chunks, [])
            rows = rows[len(chain.take(rows)) :]
        if not rows:
            return None
        if len(rows) == 1:
            rows = [*rows, *next(chunks, [])]
        return self._broken(chain, rows[0], rows[1] if len(rows) > 1 else None, first)

    def _sharper(self, of_head: Fault, of_chain: Fault | None) -> Fault:
        """A tree head says that something in its batch is wrong; a break of the chain in that batch says what."""
        batch = self.heads.next_batch if self.heads else None
        if of_chain is None or batch is None or of_head.kind is not FaultKind.ROOT_CHANGED:
            return of_head
        return of_chain if of_head.entry_id <= of_chain.entry_id <= batch.last_entry_id else of_head

    def _bounds(self, first: int, last: int) -> tuple[int, int]:
        """Nothing may lie outside a whole ledger either."""
        lowest = _LOWEST if self._begins_at(first) else first
        return lowest, last if self._scope.end_entry_id else _HIGHEST

    def _broken(self, chain: Chain, row: EntryRow, following: EntryRow | None, first: int) -> Fault:
        if chain.next_id > self._signed_size < row[0]:
            return faults.appended(row[0], self._signed_size)
        place = chain.next_id, chain.previous_hash
        return diagnose(Break(*place, row, following, first, self._newest, self._parts))

    def _at_end(self, chain: Chain, last: int, expected: Expected) -> Fault | None:
        size = chain.next_id - 1
        if self._scope.end_entry_id:
            return faults.shorter_than_head(size, last) if size < last else self._rest_of_batch(size)
        if (fault := expected.fault_of_size(size)) is not None:
            return fault
        if self.heads is not None and (fault := self.heads.fault_at_end(size)) is not None:
            return fault
        if size < self._signed_size:
            return faults.shorter_than_head(size, self._signed_size)
        sealed = self.heads.sealed if self.heads else self._signed_size
        return faults.unsealed(size, sealed) if size > sealed else None

    def _rest_of_batch(self, size: int) -> Fault | None:
        """A range that ends within a batch: the tree head speaks of the rest of it too."""
        batch = self.heads.next_batch if self.heads else None
        if self.heads is None or batch is None or self.heads.sealed >= size:
            return None
        rest = stored_nodes(self._connection, 0, size, batch.last_entry_id - 1)
        if len(rest) != batch.last_entry_id - size:
            return None
        return self.heads.take([rest[index] for index in sorted(rest)])

    def _of_nodes(self) -> Fault | None:
        if self.heads is None:
            return None
        is_whole = not self._scope.end_entry_id and not self._scope.start_entry_id
        return self.heads.fault_of_nodes(self._beginning.removed if is_whole else None)
