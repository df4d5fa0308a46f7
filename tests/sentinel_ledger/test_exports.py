"""Entries that left the gateway are verified with the client library alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sentinel_ledger.book import new_entries

from sentinel_sdk.ledger.checkpoint import Checkpoint
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.entry import GENESIS_HASH, Entry
from sentinel_sdk.ledger.tree import Edge
from sentinel_sdk.ledger.verification import FaultKind
from sentinel_sdk.ledger.verify import Start, verify_entries


def export() -> list[Entry]:
    """Twenty entries in batches of five."""
    entries, edge, previous = [], Edge(), GENESIS_HASH
    for number, new in enumerate(new_entries(20), 1):
        entry = Entry(number, new.entry_type, new.timestamp_ns, new.data, new.gpu, previous, b"")
        previous = entry_hash(entry)
        edge.extend([previous])
        root = edge.root() if number % 5 == 0 else b""
        entries.append(replace(entry, entry_hash=previous, merkle_root=root))
    return entries


ENTRIES = export()
HEAD = Checkpoint("x", 20, ENTRIES[-1].merkle_root, 1, 4)
PLACE = st.integers(0, 19)


def test_an_export_is_valid():
    found = verify_entries(ENTRIES, checkpoint=HEAD)

    assert (found.valid, found.entries_verified, found.batches_verified) == (True, 20, 4)


@pytest.mark.parametrize("entries", [[], iter([]), ENTRIES[:3], iter(ENTRIES)])
def test_any_beginning_of_it_is_valid_by_itself(entries):
    assert verify_entries(entries).valid


@given(place=PLACE, name=st.sampled_from(["entry_type", "timestamp_ns"]), bit=st.integers(0, 30))
def test_a_changed_number(place, name, bit):
    entries = list(ENTRIES)
    entries[place] = replace(entries[place], **{name: getattr(entries[place], name) ^ 1 << bit})

    found = verify_entries(entries)

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.CHANGED, place + 1)


@given(place=PLACE, name=st.sampled_from(["data", "previous_hash", "entry_hash"]), bit=st.integers(0, 7))
def test_changed_bytes(place, name, bit):
    entries, old = list(ENTRIES), getattr(ENTRIES[place], name)
    entries[place] = replace(entries[place], **{name: bytes([old[0] ^ 1 << bit]) + old[1:]})

    found = verify_entries(entries)

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.CHANGED, place + 1)


@settings(max_examples=50)
@given(place=st.integers(0, 18))
def test_a_dropped_entry(place):
    found = verify_entries([*ENTRIES[:place], *ENTRIES[place + 1 :]], start=Start())

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.DROPPED, place + 1)


@given(places=st.lists(PLACE, min_size=2, max_size=2, unique=True))
def test_two_swapped_entries(places):
    one, other = sorted(places)
    entries = list(ENTRIES)
    entries[one], entries[other] = entries[other], entries[one]

    found = verify_entries(entries, start=Start())

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.SWAPPED, one + 1)


@given(place=st.integers(1, 19), again=PLACE)
def test_an_entry_that_comes_again(place, again):
    if again >= place:
        return

    found = verify_entries([*ENTRIES[:place], ENTRIES[again], *ENTRIES[place:]])

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.INSERTED, again + 1)


@given(kept=st.integers(0, 19))
def test_a_cut_off_end_is_told_by_a_checkpoint(kept):
    found = verify_entries(ENTRIES[:kept], checkpoint=HEAD)

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.TRUNCATED, kept + 1)


def test_a_changed_root():
    entries = list(ENTRIES)
    entries[9] = replace(entries[9], merkle_root=bytes(32))

    found = verify_entries(entries)

    assert (found.kind, found.first_invalid_entry_id, found.batches_verified) == (FaultKind.ROOT_CHANGED, 6, 1)


def test_another_past_is_told_by_a_checkpoint():
    found = verify_entries(ENTRIES, checkpoint=replace(HEAD, root_hash=bytes(32)))

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.ROOT_CHANGED, 1)


def test_an_export_from_the_middle_is_taken_at_its_word_about_what_came_before():
    found = verify_entries(ENTRIES[7:])

    assert (found.valid, found.entries_verified, found.batches_verified) == (True, 13, 0)


def test_an_export_from_the_middle_verifies_as_a_tree_where_its_beginning_is_known():
    edge = Edge()
    edge.extend([entry.entry_hash for entry in ENTRIES[:7]])

    found = verify_entries(ENTRIES[7:], start=Start(8, ENTRIES[6].entry_hash, tuple(edge.subtrees())), checkpoint=HEAD)

    assert (found.valid, found.batches_verified) == (True, 3)
