"""Proofs out of the database: an entry stands in the tree, a larger tree begins with a smaller one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.ledger.batches import Batch, batch_of_size, known_keys, newest_batch
from sentinel_gateway.ledger.cuts import newest_cut
from sentinel_gateway.ledger.nodes import Nodes
from sentinel_gateway.ledger.query import one_entry
from sentinel_gateway.ledger.wording import counted
from sentinel_sdk.ledger.checkpoint import SignedCheckpoint
from sentinel_sdk.ledger.entry import Entry
from sentinel_sdk.ledger.proofs import consistency_proof, inclusion_proof


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That an entry is in the tree of one size; checked with `sentinel_sdk.ledger.proofs.is_included`."""

    entry: Entry
    tree_size: int
    hashes: tuple[bytes, ...]
    """From the leaf's sibling upwards."""
    head: SignedCheckpoint | None
    """The signed tree head of this size; None where none was signed."""

    @property
    def leaf_index(self) -> int:
        """The entry's place, counted from 0."""
        return self.entry.entry_id - 1


@dataclass(frozen=True, slots=True)
class Consistency:
    """That one tree begins with another; checked with `sentinel_sdk.ledger.proofs.is_consistent`."""

    first_tree_size: int
    second_tree_size: int
    hashes: tuple[bytes, ...]
    head: SignedCheckpoint | None
    """The signed tree head of the second size; None where none was signed."""


def newest_head(connection: Connection) -> SignedCheckpoint | None:
    """The newest signed tree head; None in an empty ledger."""
    batch = newest_batch(connection)
    return None if batch is None else batch.head(known_keys(connection))


def prove_inclusion(connection: Connection, entry_id: int, tree_size: int = 0) -> Inclusion:
    """Prove an entry in the tree of `tree_size` entries, 0 for the newest tree head's.

    Raises:
        NotKnown: there is no such entry (any more), or no tree of this size yet.
        Invalid: the entry came later than the tree.
    """
    newest = newest_batch(connection)
    size = _size(newest, tree_size)
    entry = one_entry(connection, entry_id)
    if entry is None:
        raise NotKnown(f"there is no entry {entry_id}: it was never recorded, or retention removed it")
    if entry_id > size:
        raise Invalid(f"entry {entry_id} is not in the tree of {counted(size, 'entries')}: it came later")
    nodes = Nodes(connection, newest_cut(connection))
    hashes = inclusion_proof(entry_id - 1, size, nodes.range_hash)
    return Inclusion(entry, size, tuple(hashes), _head_of(connection, size, newest))


def prove_consistency(connection: Connection, first_tree_size: int, second_tree_size: int = 0) -> Consistency:
    """Prove that the tree of the second size, 0 for the newest tree head's, begins with that of the first.

    Raises:
        NotKnown: no tree of this size yet, or retention removed what the proof needs.
        Invalid: the first is larger than the second.
    """
    newest = newest_batch(connection)
    second = _size(newest, second_tree_size)
    if not 0 <= first_tree_size <= second:
        raise Invalid(f"a tree of {counted(second, 'entries')} cannot begin with one of {first_tree_size}")
    nodes = Nodes(connection, newest_cut(connection))
    hashes = consistency_proof(first_tree_size, second, nodes.range_hash)
    return Consistency(first_tree_size, second, tuple(hashes), _head_of(connection, second, newest))


def _size(newest: Batch | None, wanted: int) -> int:
    last = newest.last_entry_id if newest else 0
    if wanted > last:
        raise NotKnown(f"there is no tree of {counted(wanted, 'entries')} yet: the newest tree head has {last}")
    return wanted or last


def _head_of(connection: Connection, size: int, newest: Batch | None) -> SignedCheckpoint | None:
    batch = newest if newest and newest.last_entry_id == size else batch_of_size(connection, size)
    return None if batch is None else batch.head(known_keys(connection))
