"""Proofs from the stored tree convince somebody who has nothing but a signed checkpoint."""

from __future__ import annotations

import pytest
from tests.sentinel_ledger.book import ORIGIN

from sentinel_gateway.domain.errors import Invalid, NotKnown
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_sdk.ledger.checkpoint import opened
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.proofs import is_consistent, is_included
from sentinel_sdk.ledger.tree import root_of


@pytest.mark.parametrize("entry_id", [1, 2, 255, 256, 257, 300])
def test_an_entry_is_shown_to_be_in_the_newest_tree(full_book, entry_id):
    proof = LedgerReader(full_book.database).inclusion(entry_id)

    assert proof.head is not None
    head = opened(proof.head.note, [full_book.signer.key])

    assert (head.origin, head.tree_size) == (ORIGIN, 300)
    assert is_included(entry_hash(proof.entry), proof.leaf_index, 300, proof.hashes, head.root_hash)


def test_every_entry_is_shown_to_be_in_every_signed_tree(full_book):
    reader = LedgerReader(full_book.database)
    for size in (1, 3, 6, 256):
        for entry_id in range(1, size + 1, 17):
            proof = reader.inclusion(entry_id, size)
            assert proof.head is not None
            root = proof.head.checkpoint.root_hash
            assert is_included(proof.entry.entry_hash, entry_id - 1, size, proof.hashes, root)


def test_a_size_nobody_signed_comes_without_a_tree_head(full_book):
    reader = LedgerReader(full_book.database)
    proof = reader.inclusion(5, 299)

    root = root_of([entry.entry_hash for entry in reader.entries(1, 299)])

    assert proof.head is None
    assert is_included(proof.entry.entry_hash, 4, 299, proof.hashes, root)


@pytest.mark.parametrize(("first", "second"), [(0, 300), (1, 300), (3, 256), (6, 300), (256, 300), (300, 300)])
def test_a_later_tree_is_shown_to_begin_with_an_earlier_one(full_book, first, second):
    reader = LedgerReader(full_book.database)
    leaves = [entry.entry_hash for entry in reader.entries()]

    proof = reader.consistency(first, second)

    assert is_consistent(first, second, root_of(leaves[:first]), root_of(leaves[:second]), proof.hashes)
    assert [head.checkpoint.tree_size for head in [proof.head] if head] == [second]


def test_what_is_not_there_cannot_be_proved(full_book):
    reader = LedgerReader(full_book.database)

    with pytest.raises(NotKnown, match="no entry 301"):
        reader.inclusion(301)
    with pytest.raises(NotKnown, match="no entry 0"):
        reader.inclusion(0)
    with pytest.raises(NotKnown, match="no tree of 301 entries"):
        reader.inclusion(1, 301)
    with pytest.raises(Invalid, match="it came later"):
        reader.inclusion(7, 6)
    with pytest.raises(Invalid, match="cannot begin"):
        reader.consistency(7, 6)
