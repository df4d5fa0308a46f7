"""Everything that is read from the ledger, each answer from one consistent moment. Blocking; any number of threads."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text

from sentinel_gateway.ledger.cuts import Cut, newest_cut
from sentinel_gateway.ledger.proofs import Consistency, Inclusion, newest_head, prove_consistency, prove_inclusion
from sentinel_gateway.ledger.query import EntryFilter, Page, find_entries, one_entry, range_of_entries
from sentinel_gateway.ledger.seam import LedgerDatabase
from sentinel_sdk.ledger.checkpoint import SignedCheckpoint
from sentinel_sdk.ledger.entry import Entry

_ENDS = text("SELECT (SELECT min(entry_id) FROM ledger_entries), (SELECT max(entry_id) FROM ledger_entries)")


class LedgerReader:
    """Reads one ledger, whoever writes it."""

    def __init__(self, database: LedgerDatabase) -> None:
        self._database = database

    def query(self, wanted: EntryFilter, limit: int = 100, token: str = "") -> Page:
        """One page of the entries that fit; `limit` from 1 to 1000, fewer where they are large.

        Raises:
            Invalid: a limit or time out of range, or a token of another query.
        """
        with self._database.reading() as connection:
            return find_entries(connection, wanted, limit, token)

    def entry(self, entry_id: int) -> Entry | None:
        """An entry by its id; None where there is none (any more)."""
        with self._database.reading() as connection:
            return one_entry(connection, entry_id)

    def entries(self, first: int = 1, last: int | None = None) -> Iterator[Entry]:
        """Entries from `first` to `last` (None for the newest) in order; holds a connection until it is used up."""
        with self._database.reading() as connection:
            yield from range_of_entries(connection, first, last)

    def ends(self) -> tuple[int, int]:
        """The first entry that is kept and the newest; 1 and 0 in an empty ledger."""
        with self._database.reading() as connection:
            first, last = connection.execute(_ENDS).one()
            return first or 1, last or 0

    def cut(self) -> Cut | None:
        """What retention removed last; None where it removed nothing."""
        with self._database.reading() as connection:
            return newest_cut(connection)

    def checkpoint(self) -> SignedCheckpoint | None:
        """The newest signed tree head; None in an empty ledger."""
        with self._database.reading() as connection:
            return newest_head(connection)

    def inclusion(self, entry_id: int, tree_size: int = 0) -> Inclusion:
        """Prove that an entry is in the tree of `tree_size` entries, 0 for the newest.

        Raises:
            NotKnown: no such entry (any more), or no tree of this size yet.
            Invalid: the entry came later than the tree.
        """
        with self._database.reading() as connection:
            return prove_inclusion(connection, entry_id, tree_size)

    def consistency(self, first_tree_size: int, second_tree_size: int = 0) -> Consistency:
        """Prove that the tree of the second size, 0 for the newest, begins with that of the first.

        Raises:
            NotKnown: no tree of this size yet, or retention removed what the proof needs.
            Invalid: the first is larger than the second.
        """
        with self._database.reading() as connection:
            return prove_consistency(connection, first_tree_size, second_tree_size)
