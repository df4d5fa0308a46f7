"""Verifying parts of a ledger, against a checkpoint from outside, beside a writer, in a database opened for reading."""

from __future__ import annotations

import pytest
from tests.sentinel_ledger.book import Book, new_entries, opened

from sentinel_gateway.domain.errors import Invalid
from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.scope import Scope
from sentinel_gateway.ledger.verify import verify_ledger
from sentinel_sdk.ledger.verification import FaultKind


@pytest.mark.parametrize(
    ("start", "end", "entries", "batches"),
    [(0, 0, 300, 5), (1, 300, 300, 5), (3, 5, 3, 2), (4, 6, 3, 1), (7, 0, 294, 2), (257, 257, 1, 1), (300, 300, 1, 1)],
)
def test_a_range_is_verified_with_the_tree_heads_over_it(full_book, start, end, entries, batches):
    found = full_book.verify(Scope(start, end))

    assert (found.valid, found.entries_verified, found.batches_verified) == (True, entries, batches)


def test_a_range_without_tree_heads(full_book):
    found = full_book.verify(Scope(10, 20, with_roots=False))

    assert (found.valid, found.entries_verified, found.batches_verified) == (True, 11, 0)


@pytest.mark.parametrize(("start", "end"), [(301, 0), (1, 301), (5, 4)])
def test_a_range_outside_of_the_ledger_is_refused(full_book, start, end):
    with pytest.raises(Invalid, match="newest entry is 300"):
        full_book.verify(Scope(start, end))


def test_a_range_does_not_ask_about_the_rest(full_book):
    with full_book.spoiling() as spoiled:
        spoiled.run("UPDATE ledger_entries SET entry_type = 5 WHERE entry_id = 2")

        assert spoiled.verify(Scope(7, 100)).valid
        assert spoiled.verify(Scope(0, 100)).first_invalid_entry_id == 2


def test_an_empty_ledger_is_valid(book):
    found = book.verify()

    assert (found.valid, found.entries_verified) == (True, 0)


def test_progress_is_told(book):
    book.fill(3000)
    told = []

    verify_ledger(book.database, Scope(), lambda verified, total: told.append((verified, total)))

    assert told[-1] == (3000, 3000)
    assert len(told) > 1


def test_a_trusted_key_is_trusted_and_no_other(full_book, tmp_path):
    stranger = load_signer(tmp_path / "other.pem", "sentinel.test/ledger").key

    assert full_book.verify(Scope(trusted_keys=[full_book.signer.key])).valid
    found = full_book.verify(Scope(trusted_keys=[stranger]))
    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.SIGNATURE_INVALID, 1)


def test_a_checkpoint_from_outside_tells_a_truncated_ledger_from_a_short_one(full_book):
    note = full_book.head.note
    with full_book.spoiling() as spoiled:
        spoiled.run("DELETE FROM ledger_entries WHERE entry_id > 256")
        spoiled.run("DELETE FROM ledger_batches WHERE batch_no = 5")

        assert spoiled.verify().valid
        found = spoiled.verify(Scope(expected_note=note))

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.TRUNCATED, 257)
    assert "at least 300 entries" in found.description


def test_a_checkpoint_from_outside_tells_a_rewritten_ledger(book: Book, tmp_path):
    book.fill(6)
    (tmp_path / "twin").mkdir()
    with opened(f"sqlite:///{tmp_path}/twin/ledger.db", tmp_path / "twin") as twin:
        twin.signer = book.signer
        with twin.writing() as writer:
            twin.append(writer, new_entries(6, 2))
        note = twin.head.note

    found = book.verify(Scope(expected_note=note))

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.ROOT_CHANGED, 1)


def test_an_older_checkpoint_is_still_contained(book):
    book.fill(5)
    note = book.head.note
    book.fill(5)

    assert book.verify(Scope(expected_note=note)).valid


@pytest.mark.parametrize("note", ["", "nothing\n", "a\n1\nx\n\n\N{EM DASH} a b\n"])
def test_a_note_that_is_none_is_refused(full_book, note):
    with pytest.raises(Invalid, match="the checkpoint cannot be used"):
        full_book.verify(Scope(expected_note=note))


def test_verification_sees_one_moment_beside_a_writer(book):
    with book.writing() as writer:
        book.append(writer, new_entries(2500))
        seen = []

        def go_on(verified: int, total: int) -> None:
            seen.append(total)
            if len(seen) == 1:
                book.append(writer, new_entries(10))

        found = verify_ledger(book.database, Scope(), go_on)

    assert (found.valid, found.entries_verified, writer.size) == (True, 2500, 2510)


def test_a_database_opened_for_reading_can_be_verified(book, url, tmp_path):
    book.fill(3)

    with opened(url, tmp_path, create=False) as reading:
        assert reading.verify().entries_verified == 3
