"""Verifying entries that left the gateway: an export, the pages of a query, anything that gives them in order.

Chain and content are checked always. The tree is checked where the stream begins with entry 1, or where its beginning
is given (`Start`, from the record of a retention cut). A checkpoint from somewhere else is what tells that nothing is
missing at the end, and that the whole was not made anew: pass one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from sentinel_sdk.ledger.chain import Chain, ChainRow
from sentinel_sdk.ledger.checkpoint import Checkpoint
from sentinel_sdk.ledger.diagnosis import Break, diagnose
from sentinel_sdk.ledger.encoding import gpu_part
from sentinel_sdk.ledger.entry import GENESIS_HASH, Entry, EntryGpu
from sentinel_sdk.ledger.faults import otherwise_rooted, shorter_than_checkpoint
from sentinel_sdk.ledger.tree import Edge
from sentinel_sdk.ledger.verification import Fault, Verification

_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Start:
    """What lies before the first entry."""

    entry_id: int = 1
    previous_hash: bytes = GENESIS_HASH
    subtree_hashes: tuple[bytes, ...] | None = ()
    """Perfect subtrees over the entries before, from left to right; None where they are not known."""


def verify_entries(
    entries: Iterable[Entry], *, start: Start | None = None, checkpoint: Checkpoint | None = None
) -> Verification:
    """Verify entries in the order of their ids.

    `start` is where they shall begin; without it the first one is taken at its word, and the tree checked only where
    that is entry 1. `checkpoint` is a tree head somebody trusted signed (`checkpoint.opened`).

    Raises:
        ValueError: a start whose subtrees do not fit its entry.
    """
    began = time.perf_counter()
    stream = iter(entries)
    first = next(stream, None)
    if start is None:
        start = _word_of(first)
    walk = _Walk(start, checkpoint)
    rest = stream if first is None else _before(first, stream)
    fault = walk.over(rest) or walk.at_end()
    elapsed = timedelta(seconds=time.perf_counter() - began)
    return Verification(fault, walk.chain.next_id - start.entry_id, walk.roots_verified, elapsed)


def _word_of(first: Entry | None) -> Start:
    if first is None or first.entry_id == 1:
        return Start()
    return Start(first.entry_id, first.previous_hash, None)


def _before(first: Entry, rest: Iterator[Entry]) -> Iterator[Entry]:
    yield first
    yield from rest


class _Parts(dict[EntryGpu | None, bytes]):
    """Every GPU is encoded when it is first met."""

    def __missing__(self, gpu: EntryGpu | None) -> bytes:
        self[gpu] = part = gpu_part(gpu)
        return part


class _Walk:
    """Over one stream of entries."""

    def __init__(self, start: Start, checkpoint: Checkpoint | None) -> None:
        self.chain = Chain(start.entry_id, start.previous_hash, _Parts())
        self.roots_verified = 0
        self._start = start
        self._checkpoint = checkpoint
        self._sealed = start.entry_id - 1
        known = start.subtree_hashes
        self._edge = None if known is None else Edge(start.entry_id - 1, known)

    def over(self, entries: Iterator[Entry]) -> Fault | None:
        while chunk := list(islice(entries, _CHUNK)):
            hashes = self.chain.take([_row(entry) for entry in chunk])
            for entry in chunk[: len(hashes)]:
                if (fault := self._grow(entry)) is not None:
                    return fault
            if len(hashes) < len(chunk):
                after = next(iter(chunk[len(hashes) + 1 :]), None) or next(entries, None)
                return self._broken(chunk[len(hashes)], after)
        return None

    def at_end(self) -> Fault | None:
        size = self.chain.next_id - 1
        if self._checkpoint is not None and self._checkpoint.tree_size > size:
            return shorter_than_checkpoint(size, self._checkpoint)
        return None

    def _grow(self, entry: Entry) -> Fault | None:
        if self._edge is None:
            return None
        self._edge.extend([entry.entry_hash])
        if entry.merkle_root:
            if (root := self._edge.root()) != entry.merkle_root:
                return otherwise_rooted(self._sealed + 1, entry.entry_id, root, entry.merkle_root)
            self._sealed = entry.entry_id
            self.roots_verified += 1
        if self._checkpoint is not None and self._checkpoint.tree_size == entry.entry_id:
            root = self._edge.root()
            if root != self._checkpoint.root_hash:
                return otherwise_rooted(self._start.entry_id, entry.entry_id, root, self._checkpoint.root_hash)
        return None

    def _broken(self, entry: Entry, following: Entry | None) -> Fault:
        after = None if following is None else _row(following)
        highest = max(entry.entry_id, self.chain.next_id, after[0] if after else 0)
        place = self.chain.next_id, self.chain.previous_hash
        return diagnose(Break(*place, _row(entry), after, self._start.entry_id, highest, self.chain.parts))


def _row(entry: Entry) -> ChainRow:
    return (
        entry.entry_id,
        entry.entry_type,
        entry.timestamp_ns,
        entry.gpu,
        entry.data,
        entry.previous_hash,
        entry.entry_hash,
    )
