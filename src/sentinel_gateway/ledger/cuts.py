"""Where the ledger begins since retention last removed something, and what is kept to verify the rest."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_sdk.ledger.entry import HASH_BYTES

_ALL = text("""
    SELECT recorded_as, first_kept_entry_id, last_removed_hash, subtree_hashes FROM ledger_cuts
    ORDER BY recorded_as DESC
""")
_INSERT = text("""
    INSERT INTO ledger_cuts (recorded_as, first_kept_entry_id, last_removed_hash, subtree_hashes)
    VALUES (:recorded_as, :first_kept, :last_removed_hash, :subtree_hashes)
""")
_FORGET = text("DELETE FROM ledger_cuts WHERE recorded_as < :first_kept")


@dataclass(frozen=True, slots=True)
class Cut:
    """Entries before `first_kept` are gone."""

    first_kept: int
    last_removed_hash: bytes
    subtree_hashes: tuple[bytes, ...]
    """Of the perfect subtrees that tile the removed leaves, from left to right."""
    recorded_as: int = 0
    """The entry that tells of this cut."""

    @property
    def removed(self) -> int:
        """How many entries are gone."""
        return self.first_kept - 1

    @property
    def is_whole(self) -> bool:
        """Whether it holds as many hashes as entries were removed need."""
        lengths = {len(subtree) for subtree in (*self.subtree_hashes, self.last_removed_hash)}
        expected = self.removed.bit_count() if self.removed > 0 else -1
        return lengths == {HASH_BYTES} and len(self.subtree_hashes) == expected


def newest_cut(connection: Connection) -> Cut | None:
    """The cut that holds now; None where nothing was ever removed.

    Raises:
        BadConfiguration: its row cannot have been written by us.
    """
    cuts = stored_cuts(connection)
    if not cuts:
        return None
    if not cuts[0].is_whole:
        raise BadConfiguration("the ledger's retention cut was changed: run `sentinel-gateway ledger verify`")
    return cuts[0]


def stored_cuts(connection: Connection) -> list[Cut]:
    """Every cut whose record is still there, the newest first, as the rows say."""
    return [_cut(*row) for row in connection.execute(_ALL)]


def _cut(recorded_as: int, first_kept: int, last_removed_hash: bytes, joined: bytes) -> Cut:
    raw = bytes(joined)
    hashes = tuple(raw[start : start + HASH_BYTES] for start in range(0, len(raw), HASH_BYTES))
    return Cut(first_kept, bytes(last_removed_hash), hashes, recorded_as)


def store_cut(connection: Connection, cut: Cut) -> None:
    """Keep a cut, and forget those whose own record it removed."""
    row = {
        "recorded_as": cut.recorded_as,
        "first_kept": cut.first_kept,
        "last_removed_hash": cut.last_removed_hash,
        "subtree_hashes": b"".join(cut.subtree_hashes),
    }
    connection.execute(_INSERT, row)
    connection.execute(_FORGET, {"first_kept": cut.first_kept})
