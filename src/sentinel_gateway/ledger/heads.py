"""Checking tree heads while verification walks over the entries: numbers, roots, signatures, stored inner hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from sqlalchemy import Connection

from sentinel_gateway.ledger.batches import Batch
from sentinel_gateway.ledger.nodes import STORED_EVERY, count_nodes, expected_nodes, stored_nodes
from sentinel_gateway.ledger.wording import counted
from sentinel_sdk.ledger import faults
from sentinel_sdk.ledger.checkpoint import VerifierKey
from sentinel_sdk.ledger.tree import Edge, Node
from sentinel_sdk.ledger.verification import Fault


class Heads:
    """The tree heads over one stretch of entries."""

    def __init__(
        self, connection: Connection, edge: Edge, batches: Iterator[Batch], keys: Mapping[int, VerifierKey]
    ) -> None:
        """Begin where `edge` ends; `batches` are those that end after it."""
        self.verified = 0
        self.sealed = edge.size
        """Entries that a good tree head covers."""
        self._node_fault: Fault | None = None
        self._connection = connection
        self._edge = edge
        self._batches = batches
        self._keys = keys
        self._number: int | None = None
        self.next_batch = next(batches, None)

    def expect_number(self, before: int | None) -> None:
        """The first batch shall follow this one; None takes it at its word."""
        self._number = before

    def take(self, hashes: Sequence[bytes]) -> Fault | None:
        """Go on over the hashes of good entries; the first fault of a tree head among them."""
        position = 0
        while (batch := self.next_batch) is not None:
            wanted = batch.last_entry_id - self._edge.size
            if wanted > len(hashes) - position:
                break
            if (fault := self._out_of_order(batch, wanted)) is not None:
                return fault
            self._grow(hashes[position : position + wanted])
            position += wanted
            if (fault := self._checked(batch, self.sealed + 1)) is not None:
                return fault
            self._pass(batch)
        self._grow(hashes[position:])
        return None

    def check_beginning(self) -> Fault | None:
        """The tree head at the very place where the edge begins: the one a retention cut was made at."""
        batch, size = self.next_batch, self._edge.size
        if batch is None or batch.last_entry_id != size:
            return faults.head_missing(
                size + 1, f"the tree head over the {counted(size, 'entries')} that were removed", "none"
            )
        if (fault := self._checked(batch, size + 1)) is None:
            self._pass(batch)
        return fault

    def fault_at_end(self, size: int) -> Fault | None:
        """What is wrong where the entries ended at `size` and a tree head still speaks of more."""
        batch = self.next_batch
        if batch is None:
            return None
        head = batch.head(self._keys)
        if head is None or not head.is_genuine:
            return faults.badly_signed(self.sealed + 1, batch.last_entry_id, "a signature that does not fit")
        return faults.shorter_than_head(size, batch.last_entry_id)

    def fault_of_nodes(self, removed: int | None) -> Fault | None:
        """The first stored inner hash that is wrong; with `removed` of a whole ledger, also one too many or too few."""
        if self._node_fault is None and removed is not None:
            found, expected = count_nodes(self._connection), expected_nodes(self.sealed, removed)
            if found != expected:
                self._node_fault = faults.nodes_left_over(removed + 1, expected, found)
        return self._node_fault

    def _pass(self, batch: Batch) -> None:
        self.verified += 1
        self.sealed = batch.last_entry_id
        self._number = batch.batch_no
        self.next_batch = next(self._batches, None)

    def _out_of_order(self, batch: Batch, wanted: int) -> Fault | None:
        if self._number is not None and batch.batch_no != self._number + 1:
            found = f"tree head {batch.batch_no} over {counted(batch.last_entry_id, 'entries')}"
            return faults.head_missing(self.sealed + 1, f"tree head {self._number + 1}", found)
        if wanted <= 0:
            expected = f"a tree head over more than {self.sealed} entries"
            return faults.head_missing(self.sealed + 1, expected, f"one over {batch.last_entry_id}")
        return None

    def _checked(self, batch: Batch, first: int) -> Fault | None:
        last, head = batch.last_entry_id, batch.head(self._keys)
        if head is None:
            return faults.badly_signed(first, last, f"the unknown or untrusted key {batch.key_id:08x}")
        is_genuine = head.is_genuine
        if (root := self._edge.root()) != batch.root_hash:
            return faults.otherwise_rooted(first, last, root, batch.root_hash, is_signed=is_genuine)
        return None if is_genuine else faults.badly_signed(first, last, "a signature that does not fit")

    def _grow(self, hashes: Sequence[bytes]) -> None:
        nodes = self._edge.extend(hashes, STORED_EVERY)
        if not nodes or self._node_fault is not None:
            return
        for level, group in groupby(nodes, lambda node: node.level):
            self._compare(level, list(group))

    def _compare(self, level: int, nodes: list[Node]) -> None:
        stored = stored_nodes(self._connection, level, nodes[0].index, nodes[-1].index)
        for node in nodes:
            if stored.get(node.index) != node.hash and self._node_fault is None:
                self._node_fault = faults.other_node((node.index << level) + 1, node.index + 1 << level)
