"""Retention removes whole batches from the beginning, and what stays is verifiable and provable."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.sentinel_ledger.book import Book, new_entries

from sentinel.ext.v1.records_pb2 import SystemRecord
from sentinel_gateway.domain.errors import NotKnown
from sentinel_gateway.ledger.query import EntryFilter
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.retention import Retention, apply_retention
from sentinel_gateway.ledger.scope import Scope
from sentinel_gateway.ledger.writer import Appended, LedgerWriter
from sentinel_sdk.ledger.proofs import is_consistent, is_included
from sentinel_sdk.ledger.verification import FaultKind
from sentinel_sdk.ledger.verify import Start, verify_entries


def cut(book: Book, writer: LedgerWriter, retention: Retention) -> Appended | None:
    """Retention in a transaction of its own."""
    with book.database.writing() as connection:
        done = apply_retention(connection, writer, retention, book.clock.now_ns)
    writer.committed()
    return done


@pytest.fixture(scope="module")
def shortened(module_book: Book) -> Book:
    """600 entries of which the first 300 are gone; every test leaves it so."""
    with module_book.writing() as writer:
        for size in (200, 100, 150, 150):
            module_book.append(writer, new_entries(size, writer.size + 1))
        cut(module_book, writer, Retention(max_entries=300))
    return module_book


def test_entries_beyond_the_number_go_in_whole_batches(book):
    with book.writing() as writer:
        for size in (10, 10, 10):
            book.append(writer, new_entries(size, writer.size + 1))
        cut(book, writer, Retention(max_entries=15))

    assert LedgerReader(book.database).ends() == (11, 31)


def test_entries_beyond_the_age_go(book):
    with book.writing() as writer:
        for _ in range(3):
            book.append(writer, new_entries(10))
            book.clock.now_ns += 24 * 3600 * 10**9
        cut(book, writer, Retention(max_age=timedelta(hours=36)))

    assert LedgerReader(book.database).ends() == (21, 31)


def test_nothing_due_is_nothing_done(book):
    with book.writing() as writer:
        book.append(writer, new_entries(10))

        assert cut(book, writer, Retention()) is None
        assert cut(book, writer, Retention(max_age=timedelta(days=1), max_entries=10)) is None
    assert writer.size == 10


def test_one_run_removes_a_bounded_number(book):
    with book.writing() as writer:
        for _ in range(5):
            book.append(writer, new_entries(10))
        ends = []
        while cut(book, writer, Retention(max_entries=10, per_run=20)) is not None:
            ends.append(LedgerReader(book.database).ends()[0])

    assert ends == [21, 41]


def test_what_is_kept_verifies(shortened):
    found = shortened.verify()

    assert (found.valid, found.entries_verified, found.batches_verified) == (True, 301, 4)


@pytest.mark.parametrize(("start", "end", "entries"), [(1, 400, 100), (301, 301, 1), (302, 0, 300), (500, 601, 102)])
def test_ranges_of_what_is_kept_verify(shortened, start, end, entries):
    found = shortened.verify(Scope(start, end))

    assert (found.valid, found.entries_verified) == (True, entries)


def test_the_cut_is_an_entry(shortened):
    reader = LedgerReader(shortened.database)
    record = SystemRecord.FromString(shortened.entry(601).data)

    assert record.event == "ledger.retention_cut"
    assert record.retention_cut.entries_removed == 300
    assert [cut.recorded_as for cut in [reader.cut()] if cut] == [601]


def test_kept_entries_can_be_proved(shortened):
    reader = LedgerReader(shortened.database)
    root = shortened.head.checkpoint.root_hash

    for entry_id in (301, 302, 384, 385, 450, 511, 512, 513, 600, 601):
        proof = reader.inclusion(entry_id)
        assert is_included(proof.entry.entry_hash, entry_id - 1, 601, proof.hashes, root)


def test_trees_from_the_cut_on_can_be_compared(shortened):
    reader = LedgerReader(shortened.database)
    root = shortened.head.checkpoint.root_hash

    for size in (300, 450, 600):
        proof = reader.consistency(size)
        earlier = reader.consistency(size, size).head
        assert earlier is not None
        assert is_consistent(size, 601, earlier.checkpoint.root_hash, root, proof.hashes)


def test_removed_entries_cannot_be_proved(shortened):
    reader = LedgerReader(shortened.database)

    with pytest.raises(NotKnown, match="retention removed it"):
        reader.inclusion(300)
    with pytest.raises(NotKnown, match="retention removed it"):
        reader.consistency(77)


def test_queries_find_what_is_kept(shortened):
    page = LedgerReader(shortened.database).query(EntryFilter(), 1)

    assert (page.entries[0].entry_id, page.total_count) == (301, 301)


def test_the_ledger_goes_on_and_can_be_cut_again(book):
    with book.writing() as writer:
        for size in (300, 300, 200):
            book.append(writer, new_entries(size, writer.size + 1))
            cut(book, writer, Retention(max_entries=100))

    assert (book.reader.ends(), book.verify().valid) == ((602, 802), True)


def test_an_export_verifies_from_the_record_of_the_cut(shortened):
    reader = LedgerReader(shortened.database)
    record = SystemRecord.FromString(shortened.entry(601).data).retention_cut
    start = Start(record.first_kept_entry_id, record.last_removed_hash, tuple(record.subtree_hashes))

    found = verify_entries(reader.entries(), start=start, checkpoint=shortened.head.checkpoint)

    assert (found.valid, found.entries_verified, found.batches_verified) == (True, 301, 3)


def gpu_count(book: Book) -> int:
    """How many GPUs are stored."""
    with book.database.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM ledger_gpus").scalar() or 0)


def test_gpus_that_nothing_names_any_more_go_and_can_come_back(book):
    with book.writing() as writer:
        book.append(writer, new_entries(8))
        book.append(writer, [entry for entry in new_entries(8) if entry.gpu is None])
        cut(book, writer, Retention(max_entries=2))
        assert gpu_count(book) == 0
        book.append(writer, new_entries(8))

    assert (gpu_count(book), book.verify().valid) == (3, True)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM ledger_cuts",
        "UPDATE ledger_cuts SET first_kept_entry_id = 302",
        "UPDATE ledger_cuts SET recorded_as = 600",
        "UPDATE ledger_cuts SET last_removed_hash = subtree_hashes",
        "UPDATE ledger_cuts SET subtree_hashes = last_removed_hash",
    ],
)
def test_a_cut_that_is_not_the_recorded_one_is_a_deletion(shortened, change):
    with shortened.spoiling() as spoiled:
        spoiled.run(change)
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.DROPPED, 1)


def test_the_tree_head_at_the_cut_must_be_there(shortened):
    with shortened.spoiling() as spoiled:
        spoiled.run("DELETE FROM ledger_batches WHERE last_entry_id = 300")
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.ROOT_CHANGED, 301)


def test_a_damaged_record_of_the_cut_is_named_itself(shortened):
    with shortened.spoiling() as spoiled:
        spoiled.run("UPDATE ledger_entries SET data = previous_hash WHERE entry_id = 601")
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.CHANGED, 601)


def test_entries_before_the_cut_are_not_to_be_there(shortened):
    with shortened.spoiling() as spoiled:
        spoiled.replace_rows([(7, *spoiled.rows()[0][1:]), *spoiled.rows()])
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.INSERTED, 7)


def test_a_rolled_back_cut_did_not_happen(book):
    with book.writing() as writer:
        book.append(writer, new_entries(8))
        book.append(writer, [entry for entry in new_entries(8) if entry.gpu is None])
        book.abandon(writer, lambda to: apply_retention(to, writer, Retention(max_entries=2), book.clock.now_ns))
        book.append(writer, new_entries(8))

    found = book.verify()

    assert (found.valid, found.entries_verified, gpu_count(book)) == (True, 18, 3)
