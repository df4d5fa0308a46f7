"""Proofs over the tree: that an entry is in it (inclusion), that a larger tree begins with a smaller one (consistency).

Making one needs hashes of ranges of leaves, wherever they come from; checking one needs nothing but the proof and the
roots, which come from signed checkpoints. Checking never raises for what a stranger may have sent: a proof of the wrong
length, for a leaf outside the tree or with hashes of another size is simply not valid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from sentinel_sdk.ledger.entry import HASH_BYTES
from sentinel_sdk.ledger.tree import EMPTY_ROOT, node_hash

RangeHash: TypeAlias = Callable[[int, int], bytes]
"""Root over the leaves from the first number to before the second, counted from 0."""


def inclusion_proof(index: int, size: int, range_hash: RangeHash) -> list[bytes]:
    """Hashes that lead from leaf `index` to the root of the tree of `size` leaves, from the leaf upwards.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(middle, end))
            end = middle
        else:
            path.append(range_hash(start, middle))
            start = middle
    return path[::-1]


def consistency_proof(first: int, second: int, range_hash: RangeHash) -> list[bytes]:
    """Hashes that show the tree of `first` leaves to be the beginning of that of `second`; none where one is empty.

    Raises:
        ValueError: not 0 <= `first` <= `second`.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} leaves does not begin with one of {first}")
    if first in (0, second):
        return []
    start, end, path, is_whole = 0, second, [], True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(range_hash(middle, end))
            end = middle
        else:
            path.append(range_hash(start, middle))
            start, is_whole = middle, False
    if not is_whole:
        path.append(range_hash(start, end))
    return path[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows the leaf with this hash at `index` in the tree of `size` leaves with this root."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    found, position, last = leaf, index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            position, last = _past_missing_siblings(position, last)
        else:
            found = node_hash(found, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `second` leaves begins with that of `first`, both told by their roots."""
    if not 0 <= first <= second or not _are_hashes(first_root, second_root, *proof):
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    nodes = list(proof)
    if first & (first - 1) == 0:
        nodes.insert(0, first_root)
    return bool(nodes) and _roots_from(nodes, first, second) == (first_root, second_root)


def _roots_from(nodes: Sequence[bytes], first: int, second: int) -> tuple[bytes, bytes] | None:
    """The two roots that a consistency proof leads to; None where its length is wrong."""
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return None
        if position & 1 or position == last:
            old, new = node_hash(node, old), node_hash(node, new)
            position, last = _past_missing_siblings(position, last)
        else:
            new = node_hash(new, node)
        position, last = position >> 1, last >> 1
    return (old, new) if last == 0 else None


def _past_missing_siblings(position: int, last: int) -> tuple[int, int]:
    """A node at the right edge rises unpaired until it is somebody's right child."""
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _split(size: int) -> int:
    """Leaves of the left subtree: the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
