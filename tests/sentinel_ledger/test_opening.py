"""Opening a ledger: what a crash left is mended and recorded, what no crash does is refused."""

from __future__ import annotations

import os

import pytest
from tests.sentinel_ledger.book import ORIGIN, Book, forged, new_entries, opened

from sentinel.ext.v1.records_pb2 import SystemRecord
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.ledger.keys import load_signer
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.rows import insert_entries
from sentinel_sdk.ledger.checkpoint import read_note


def change(book: Book, *statements: str) -> None:
    """Change the database for good."""
    with book.database.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def events(book: Book) -> list[str]:
    """What the ledger recorded about itself."""
    return [
        record.event
        for entry in LedgerReader(book.database).entries()
        if (record := SystemRecord.FromString(entry.data) if b"ledger." in entry.data else None)
    ]


def remembered(book: Book) -> int:
    """The size in the checkpoint file."""
    return read_note(book.checkpoint_path.read_text()).checkpoint.tree_size


def test_the_checkpoint_file_follows_every_commit(book):
    with book.writing() as writer:
        for size in (1, 3, 6):
            book.append(writer, new_entries(size - writer.size))
            assert remembered(book) == size


def test_a_crash_between_commit_and_file_is_made_good(book):
    book.fill(3)
    note = book.checkpoint_path.read_text()
    book.fill(4)
    book.checkpoint_path.write_text(note)

    book.fill()

    assert (remembered(book), events(book), book.verify().valid) == (7, [], True)


def test_a_ledger_behind_its_checkpoint_is_refused(book):
    book.fill(3, 4)
    change(book, "DELETE FROM ledger_entries WHERE entry_id > 3", "DELETE FROM ledger_batches WHERE batch_no = 2")

    with pytest.raises(BadConfiguration, match="entries 4 to 7 are missing; .* ledger accept-loss"):
        book.fill(1)
    assert remembered(book) == 7


def test_a_loss_can_be_accepted_and_is_recorded(book):
    book.fill(3, 4)
    change(book, "DELETE FROM ledger_entries WHERE entry_id > 3", "DELETE FROM ledger_batches WHERE batch_no = 2")

    with book.writing(accept_loss=True) as writer:
        book.append(writer, new_entries(1))

    record = SystemRecord.FromString(book.entry(4).data)
    assert (record.event, record.fields["remembered_entries"], record.fields["entries"]) == (
        "ledger.loss_accepted",
        "7",
        "3",
    )
    assert (book.verify().valid, remembered(book)) == (True, 5)
    assert read_note(book.checkpoint_path.with_name("checkpoint.lost-7").read_text()).checkpoint.tree_size == 7


def test_accepting_a_loss_where_there_is_none_records_nothing(book):
    book.fill(3)

    with book.writing(accept_loss=True):
        pass

    assert events(book) == []


def test_a_missing_checkpoint_file_is_recorded(book):
    book.fill(3)
    book.checkpoint_path.unlink()

    book.fill()

    assert (events(book), remembered(book)) == (["ledger.checkpoint_missing"], 4)


def test_a_checkpoint_file_of_another_ledger_is_refused(book, tmp_path):
    book.fill(3)
    (tmp_path / "other").mkdir()
    signer = load_signer(tmp_path / "other" / "key.pem", ORIGIN)
    book.checkpoint_path.write_text(signer.sign(3, bytes(32), 1, 1).note)

    with pytest.raises(BadConfiguration, match="is not of this ledger"):
        book.fill(1)


@pytest.fixture
def replaced(book, tmp_path):
    """Another, new database with the folder of a ledger of three entries."""
    book.fill(3)
    with opened(f"sqlite:///{tmp_path}/other.db", book.folder) as other:
        yield other


def test_the_folder_of_another_database_is_refused_with_both_named(book, replaced):
    with pytest.raises(BadConfiguration) as caught, replaced.writing():
        pass

    assert f"belongs to the database {book.database.name} (identity" in str(caught.value)
    assert "whose ledger had 3 entries" in str(caught.value)
    assert f"this is {replaced.database.name} (identity" in str(caught.value)
    assert "a state folder of its own" in str(caught.value)
    assert remembered(book) == 3


def test_a_database_can_take_the_place_of_another_on_record(book, replaced):
    with replaced.writing(accept_loss=True):
        pass
    replaced.fill(1)

    record = SystemRecord.FromString(replaced.entry(1).data)
    assert (record.event, record.fields["remembered_entries"]) == ("ledger.loss_accepted", "3")
    assert record.fields["remembered_database"] == book.database.name
    assert (replaced.verify().valid, remembered(replaced)) == (True, 2)
    assert read_note(book.checkpoint_path.with_name("checkpoint.lost-3").read_text()).checkpoint.tree_size == 3


def test_a_database_that_was_moved_is_the_same(book, tmp_path):
    url = f"sqlite:///{tmp_path}/before.db"
    with opened(url, book.folder) as before:
        before.fill(3)
    (tmp_path / "before.db").rename(tmp_path / "after.db")

    with opened(f"sqlite:///{tmp_path}/after.db", book.folder) as after:
        after.fill(1)

    assert (remembered(book), events(after)) == (4, [])
    assert str(tmp_path / "after.db") in book.checkpoint_path.with_name("checkpoint.database").read_text()


def test_a_file_that_does_not_say_whose_it_is_is_compared_and_says_it_then(book):
    book.fill(3)
    owner = book.checkpoint_path.with_name("checkpoint.database")
    owner.unlink()

    book.fill(1)

    assert (remembered(book), events(book)) == (4, [])
    assert book.database.name in owner.read_text()


def test_an_owner_that_cannot_be_read_is_refused(book):
    book.fill(3)
    book.checkpoint_path.with_name("checkpoint.database").write_text("half")

    with pytest.raises(BadConfiguration, match="does not name a database"):
        book.fill(1)


def test_files_beside_the_database_are_for_their_owner_only(book):
    before = os.umask(0)
    try:
        book.fill(1)
    finally:
        os.umask(before)

    files = [book.checkpoint_path, book.checkpoint_path.with_name("checkpoint.database")]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]


def test_a_damaged_checkpoint_file_is_refused(book):
    book.fill(3)
    book.checkpoint_path.write_bytes(b"\xff\xfe")

    with pytest.raises(BadConfiguration, match="cannot be read"):
        book.fill(1)


def test_a_torn_tail_is_sealed_again_and_recorded(book):
    book.fill(3, 4)
    change(book, "DELETE FROM ledger_batches WHERE batch_no = 2")
    book.checkpoint_path.unlink()

    book.fill(2)

    assert events(book) == ["ledger.tail_sealed", "ledger.checkpoint_missing"]
    assert (book.verify().valid, book.verify().entries_verified) == (True, 11)


def test_a_tail_that_does_not_chain_is_refused(book):
    book.fill(3)
    with book.database.writing() as connection:
        insert_entries(connection, [(4, 6, 1, None, b"x", bytes(32), bytes(32))])

    with pytest.raises(BadConfiguration, match="entry 4 was added to the ledger by somebody else"):
        book.fill(1)


def test_a_tail_that_chains_is_sealed_where_the_file_does_not_contradict(book):
    book.fill(3)
    with book.database.writing() as connection:
        before = book.entry(3).entry_hash
        insert_entries(connection, [forged(4, before)])

    book.fill(1)

    assert (events(book), book.verify().entries_verified) == (["ledger.tail_sealed"], 6)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_entries WHERE entry_id = 7",
        "UPDATE ledger_entries SET entry_hash = previous_hash WHERE entry_id = 5",
        "UPDATE ledger_batches SET signature = root_hash WHERE batch_no = 2",
        "UPDATE ledger_batches SET timestamp_ns = 5 WHERE batch_no = 2",
        "DELETE FROM ledger_keys",
    ],
)
def test_an_end_that_is_not_what_was_signed_is_refused(book, statement):
    book.fill(3, 4)
    change(book, statement)

    with pytest.raises(BadConfiguration, match=r"the ledger's end.*ledger verify"):
        book.fill(1)


def test_the_signing_key_is_made_for_its_owner_only(book):
    assert book.folder.joinpath("key.pem").stat().st_mode & 0o777 == 0o600


def test_a_signing_key_that_others_may_read_is_refused(tmp_path):
    load_signer(tmp_path / "key.pem", ORIGIN)
    (tmp_path / "key.pem").chmod(0o640)

    with pytest.raises(BadConfiguration, match="chmod 600"):
        load_signer(tmp_path / "key.pem", ORIGIN)


@pytest.mark.parametrize("content", ["", "-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_refused(tmp_path, content):
    (tmp_path / "key.pem").touch(0o600)
    (tmp_path / "key.pem").write_text(content)

    with pytest.raises(BadConfiguration, match="is no private key"):
        load_signer(tmp_path / "key.pem", ORIGIN)


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_cannot_stand_in_a_checkpoint_is_refused(tmp_path, origin):
    with pytest.raises(BadConfiguration, match="origin"):
        load_signer(tmp_path / "key.pem", origin)
