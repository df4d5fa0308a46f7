"""The Merkle tree of RFC 6962 (and RFC 9162): hashes of leaves and nodes, roots, a tree that grows at its right edge.

A tree of n leaves is told by at most log2(n) + 1 hashes: its perfect subtrees from left to right, one for each bit of n
that is set. That is all a writer has to remember, and all that retention has to keep of what it removes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf: SHA-256 over 0x00 and its bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256 over 0x01 and the hashes of its children."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Root over the hashes of all leaves."""
    edge = Edge()
    edge.extend(leaves)
    return edge.root()


def subtree_levels(size: int) -> list[int]:
    """Heights of the perfect subtrees of a tree of `size` leaves, from left to right."""
    return [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]


def joined(subtrees: Sequence[bytes]) -> bytes:
    """Root over perfect subtrees given from left to right."""
    if not subtrees:
        return EMPTY_ROOT
    return reduce(lambda right, left: node_hash(left, right), reversed(subtrees))


@dataclass(frozen=True, slots=True)
class Node:
    """A perfect subtree: the leaves from `index` * 2^`level`, 2^`level` of them."""

    level: int
    index: int
    hash: bytes


class Edge:
    """The right edge of a growing tree."""

    def __init__(self, size: int = 0, subtrees: Iterable[bytes] = ()) -> None:
        """The edge of a tree of `size` leaves with these perfect subtrees, from left to right.

        Raises:
            ValueError: a number of subtrees that does not belong to the size.
        """
        self.size = size
        self._by_level: dict[int, bytes] = dict(zip(subtree_levels(size), subtrees, strict=True))

    def copy(self) -> Edge:
        """One that grows on its own."""
        return Edge(self.size, self.subtrees())

    def subtrees(self) -> list[bytes]:
        """The perfect subtrees, from left to right."""
        return [self._by_level[level] for level in subtree_levels(self.size)]

    def root(self) -> bytes:
        """The root at the present size."""
        return joined(self.subtrees())

    def extend(self, leaves: Sequence[bytes], stored_every: int = 0) -> list[Node]:
        """Add the hashes of leaves at the right.

        With `stored_every` = k, the answer holds the subtrees of heights k, 2k, 3k ... that became perfect.
        """
        nodes, index, level = list(leaves), self.size, 0
        finished: list[Node] = []
        while nodes:
            nodes, index = self._lift(nodes, index, level)
            level += 1
            if stored_every and level % stored_every == 0:
                finished += [Node(level, index + offset, node) for offset, node in enumerate(nodes)]
        self.size += len(leaves)
        return finished

    def _lift(self, nodes: list[bytes], index: int, level: int) -> tuple[list[bytes], int]:
        """Pair up the new nodes of a level, of which the first has this index; what is left over stays at the edge."""
        if index & 1:
            nodes.insert(0, self._by_level.pop(level))
            index -= 1
        if len(nodes) & 1:
            self._by_level[level] = nodes.pop()
        pairs = zip(nodes[::2], nodes[1::2], strict=True)
        return [sha256(b"\x01" + left + right).digest() for left, right in pairs], index >> 1
