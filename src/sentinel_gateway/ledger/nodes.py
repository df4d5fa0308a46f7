"""Hashes of subtrees out of the database, for proofs and for going on where the ledger ended.

Leaves are the entries' own hashes; of the inner nodes every eighth level is stored (256, 65,536 ... leaves), so any
hash is at most 255 hashes away and a proof in a million entries reads a handful of blocks. What retention removed is
stood in for by the perfect subtrees that the cut kept.
"""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import NotKnown
from sentinel_gateway.ledger.cuts import Cut
from sentinel_gateway.ledger.rows import fetched
from sentinel_sdk.ledger.tree import Edge, Node, joined, subtree_levels

STORED_EVERY = 8
"""Levels between those that are stored."""

_LEAVES = "SELECT entry_id - 1, entry_hash FROM ledger_entries WHERE entry_id BETWEEN {} AND {}"
_NODES = "SELECT node_index, hash FROM ledger_nodes WHERE level = {} AND node_index BETWEEN {} AND {}"
_COUNT = text("SELECT count(*) FROM ledger_nodes")
_INSERT = text("INSERT INTO ledger_nodes (level, node_index, hash) VALUES (:level, :node_index, :hash)")


def store_nodes(connection: Connection, nodes: list[Node]) -> None:
    """Add nodes that became perfect."""
    if nodes:
        rows = [{"level": node.level, "node_index": node.index, "hash": node.hash} for node in nodes]
        connection.execute(_INSERT, rows)


def stored_nodes(connection: Connection, level: int, first: int, last: int) -> dict[int, bytes]:
    """By index, the stored hashes of a level; of level 0, the hashes of entries."""
    if level:
        return dict(fetched(connection, _NODES, (level, first, last)))
    return dict(fetched(connection, _LEAVES, (first + 1, last + 1)))


def count_nodes(connection: Connection) -> int:
    """How many inner hashes are stored."""
    return int(connection.scalar(_COUNT) or 0)


def expected_nodes(size: int, removed: int) -> int:
    """How many there should be in a ledger of `size` entries of which the first `removed` are gone."""
    levels = range(STORED_EVERY, max(size.bit_length(), 1), STORED_EVERY)
    return sum((size >> level) - (removed >> level) for level in levels)


class Nodes:
    """Subtrees as one transaction sees them."""

    def __init__(self, connection: Connection, cut: Cut | None) -> None:
        self._connection = connection
        self._blocks: dict[tuple[int, int], dict[int, bytes]] = {}
        self._removed = removed_subtrees(cut)
        self._first = cut.removed if cut else 0

    def range_hash(self, start: int, end: int) -> bytes:
        """Root over the leaves from `start` to before `end`, where `start` begins a subtree of at least that size.

        Raises:
            NotKnown: some of it was removed by retention.
        """
        subtrees = []
        for level in subtree_levels(end - start):
            subtrees.append(self.subtree(level, start >> level))
            start += 1 << level
        return joined(subtrees)

    def edge(self, size: int) -> Edge:
        """The right edge of the tree of `size` leaves."""
        start, subtrees = 0, []
        for level in subtree_levels(size):
            subtrees.append(self.subtree(level, start >> level))
            start += 1 << level
        return Edge(size, subtrees)

    def subtree(self, level: int, index: int) -> bytes:
        """Hash of one perfect subtree.

        Raises:
            NotKnown: some of it was removed by retention.
        """
        if (found := self._removed.get((level, index))) is not None:
            return found
        above = level % STORED_EVERY
        if above and index << level < self._first:
            return joined([self.subtree(level - 1, 2 * index), self.subtree(level - 1, 2 * index + 1)])
        return self._folded(level - above, index << above, 1 << above)

    def _folded(self, level: int, first: int, count: int) -> bytes:
        """Root over some stored hashes of a level, as many as a power of two and all of one block."""
        block = self._block(level, first >> STORED_EVERY)
        try:
            hashes = [block[index] for index in range(first, first + count)]
        except KeyError as error:
            gone = (int(error.args[0]) << level) + 1
            raise NotKnown(f"entry {gone} is not in the ledger any more: retention removed it") from error
        while len(hashes) > 1:
            pairs = zip(hashes[::2], hashes[1::2], strict=True)
            hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        return hashes[0]

    def _block(self, level: int, number: int) -> dict[int, bytes]:
        if (level, number) not in self._blocks:
            first = number << STORED_EVERY
            last = first + (1 << STORED_EVERY) - 1
            self._blocks[level, number] = stored_nodes(self._connection, level, first, last)
        return self._blocks[level, number]


def removed_subtrees(cut: Cut | None) -> dict[tuple[int, int], bytes]:
    """By level and index, the perfect subtrees that stand for what a cut removed."""
    if cut is None:
        return {}
    start, found = 0, {}
    for level, subtree in zip(subtree_levels(cut.removed), cut.subtree_hashes, strict=True):
        found[level, start >> level] = subtree
        start += 1 << level
    return found
