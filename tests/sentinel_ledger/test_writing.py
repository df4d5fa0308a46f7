"""Appending: ids, hashes, batches, and what does not happen when a transaction does not."""

from __future__ import annotations

import pytest
from tests.sentinel_ledger.book import GPUS, T0, Book, book_on_postgresql_when_slow, new_entries, opened

from sentinel_gateway.domain.errors import AlreadyThere, BadConfiguration, Invalid
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.writer import DATA_LIMIT_BYTES, LedgerWriter
from sentinel_sdk.ledger.encoding import entry_hash
from sentinel_sdk.ledger.entry import GENESIS_HASH, EntryGpu, NewEntry


def test_entries_are_numbered_from_one_and_chained(book):
    book.fill(3, 2)

    entries = list(LedgerReader(book.database).entries())

    assert [entry.entry_id for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.previous_hash for entry in entries] == [GENESIS_HASH, *(entry.entry_hash for entry in entries[:-1])]
    assert all(entry_hash(entry) == entry.entry_hash for entry in entries)


def test_an_entry_comes_back_as_it_was_recorded(book):
    new = new_entries(8)
    with book.writing() as writer:
        book.append(writer, new)

    entries = LedgerReader(book.database).entries()

    assert [NewEntry(e.entry_type, e.timestamp_ns, e.data, e.gpu) for e in entries] == new


def test_the_root_stands_on_the_last_entry_of_each_batch(book):
    with book.writing() as writer:
        heads = [book.append(writer, new_entries(count)).checkpoint for count in (2, 1, 3)]

    roots = {e.entry_id: e.merkle_root for e in LedgerReader(book.database).entries() if e.merkle_root}

    assert roots == {head.checkpoint.tree_size: head.checkpoint.root_hash for head in heads}
    assert list(roots) == [2, 3, 6]


def test_a_transaction_that_fails_leaves_nothing(book):
    with book.writing() as writer:
        book.append(writer, new_entries(2))
        book.abandon(writer, lambda to: writer.append(to, [NewEntry(1, T0, b"lost", EntryGpu("GPU-lost"))]))
        done = book.append(writer, [NewEntry(1, T0, b"kept", EntryGpu("GPU-lost"))])

    assert (done.first_entry_id, writer.size, book.verify().valid) == (3, 3, True)


def test_several_appends_may_share_a_transaction(book):
    with book.writing() as writer:
        with book.database.writing() as connection:
            first = writer.append(connection, new_entries(2))
            second = writer.append(connection, new_entries(3))
            assert writer.size == 0
        writer.committed()

    assert (first.last_entry_id, second.first_entry_id, writer.size, book.verify().batches_verified) == (2, 3, 5, 2)


def test_a_writer_goes_on_where_the_last_one_ended(book):
    book.fill(300)

    with book.writing() as writer:
        done = book.append(writer, new_entries(1))

    assert (done.first_entry_id, book.verify().entries_verified) == (301, 301)


@book_on_postgresql_when_slow
@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (NewEntry(0, T0, b""), "entry_type"),
        (NewEntry(7, T0, b""), "entry_type"),
        (NewEntry(1, 1 << 63, b""), "timestamp"),
        (NewEntry(1, -(1 << 63) - 1, b""), "timestamp"),
        (NewEntry(1, T0, bytes(DATA_LIMIT_BYTES + 1)), "data"),
        (NewEntry(1, T0, b"", EntryGpu("GPU-\x00")), "gpu.uuid"),
        (NewEntry(1, T0, b"", EntryGpu("", "\ud800")), "gpu.hostname"),
        (NewEntry(1, T0, b"", EntryGpu("", "", 1 << 32)), "gpu.device_index"),
        (NewEntry(1, T0, b"", EntryGpu("", model="x" * 2000)), "gpu.model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_stored_is_refused_by_name(book, entry, words):
    with book.writing() as writer:
        with pytest.raises(Invalid, match=words):
            book.append(writer, [*new_entries(1), entry])
        writer.rolled_back()

    assert writer.size == 0


def test_extreme_values_are_stored(book):
    extremes = [
        NewEntry(6, (1 << 63) - 1, b""),
        NewEntry(1, -(1 << 63), bytes(range(256)), EntryGpu("", "", (1 << 32) - 1)),
        NewEntry(1, 0, b"\0" * 100_000, GPUS[1]),
    ]
    with book.writing() as writer:
        book.append(writer, extremes)

    assert book.verify().valid


def test_nothing_is_no_batch(book):
    with book.writing() as writer, pytest.raises(Invalid, match="no entries"):
        book.append(writer, [])


def test_a_repeated_key_records_once(book):
    with book.writing() as writer:
        first = book.append(writer, new_entries(3), "k")
        again = book.append(writer, new_entries(3), "k")

    assert (again.first_entry_id, again.last_entry_id, again.is_repeated, first.is_repeated) == (1, 3, True, False)
    assert writer.size == 3


def test_a_key_survives_a_restart(book):
    for _ in range(2):
        with book.writing() as writer:
            book.append(writer, new_entries(3), "k")

    assert writer.size == 3


def test_a_key_used_for_something_else_is_refused(book):
    with book.writing() as writer:
        book.append(writer, new_entries(3), "k")
        with pytest.raises(AlreadyThere, match="'k' was used for other entries"):
            book.append(writer, new_entries(2), "k")


@book_on_postgresql_when_slow
@pytest.mark.parametrize("key", ["", "x" * 201, "a\nb", "\0"])
def test_a_strange_key_is_refused(book, key):
    with book.writing() as writer, pytest.raises(Invalid, match="idempotency key"):
        book.append(writer, new_entries(1), key)


def test_there_is_one_writer(book, url, tmp_path):
    told = pytest.raises(BadConfiguration, match="already has a writer .*stop that gateway")
    with book.writing(), opened(url, tmp_path) as other, told, other.writing():
        pass


def test_a_writer_that_was_replaced_cannot_append(book):
    with book.writing() as old, book.database.writing() as connection:
        connection.exec_driver_sql("UPDATE ledger_writer SET epoch = epoch + 1")

    with pytest.raises(BadConfiguration, match="another gateway has taken this ledger over"):
        book.append(old, new_entries(1))
    assert book.verify().entries_verified == 0


def test_a_new_key_is_recorded(book: Book):
    book.fill(3)
    book.folder.joinpath("key.pem").unlink()
    with opened_again(book) as writer:
        book.append(writer, new_entries(1))

    found = book.verify()

    assert (found.valid, found.entries_verified) == (True, 5)
    assert b"ledger.key_changed" in book.entry(4).data


def opened_again(book: Book):
    """A writer with the key that lies in the folder now."""
    other = Book(book.database, book.folder)
    return LedgerWriter.open(book.database, other.signer, book.checkpoint_path, book.clock)
