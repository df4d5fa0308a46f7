"""Whatever is changed in the stored ledger, verification names the first bad entry and what happened to it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from tests.sentinel_ledger.book import SIZES, Book, Spoiled, forged, postgresql_when_slow

from sentinel_gateway.ledger.gpus import stored_parts
from sentinel_gateway.ledger.scope import Scope
from sentinel_sdk.ledger.chain import hash_at
from sentinel_sdk.ledger.verification import FaultKind

SIZE = sum(SIZES)
STARTS = [sum(SIZES[:n]) + 1 for n in range(len(SIZES))]
PLACES = [1, 2, 3, 4, 7, 150, 255, 256, 257, 299]
CONTENT = ("entry_type", "timestamp_ns", "gpu_key", "data", "previous_hash", "entry_hash")
HEADS = ("batch_no", "last_entry_id", "root_hash", "timestamp_ns", "key_id", "signature")
many = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def flipped(value: object, position: int, bit: int) -> object:
    """The value with one bit turned over; None becomes a number."""
    if isinstance(value, bytes):
        place = position % max(len(value), 1)
        return value[:place] + bytes([(value[place] if value else 0) ^ 1 << bit]) + value[place + 1 :]
    if isinstance(value, str):
        raw = bytearray(value.encode() or b"\0")
        raw[position % len(raw)] ^= 1 << (bit % 4)
        return raw.decode("utf-8", "replace").replace("\0", "x")
    return 1 if value is None else int(str(value)) ^ 1 << (position * 8 + bit) % 62


def flip(spoiled: Spoiled, table: str, row: tuple[str, object], column: str, where: tuple[int, int]) -> object:
    """Turn one bit of one column of one row; the new value, or None where the database does not take it."""
    old = spoiled.run(f"SELECT {column} FROM {table} WHERE {row[0]} = :key", key=row[1]).scalar()  # noqa: S608 - ours
    new = flipped(bytes(old) if isinstance(old, memoryview) else old, *where)
    if new == old:
        return None
    try:
        with spoiled.connection.begin_nested():
            spoiled.run(f"UPDATE {table} SET {column} = :new WHERE {row[0]} = :key", new=new, key=row[1])  # noqa: S608
    except DBAPIError:
        return None
    return new


def test_an_untouched_ledger_is_valid(full_book):
    found = full_book.verify()

    assert (found.valid, found.entries_verified, found.batches_verified, found.description) == (True, 300, 5, "")


@postgresql_when_slow
@many
@given(entry_id=st.integers(1, SIZE), column=st.sampled_from(CONTENT), byte=st.integers(0, 40), bit=st.integers(0, 7))
def test_a_flipped_bit_of_an_entry(full_book: Book, entry_id, column, byte, bit):
    with full_book.spoiling() as spoiled:
        if flip(spoiled, "ledger_entries", ("entry_id", entry_id), column, (byte, bit)) is None:
            return
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id, found.entries_verified) == (
        FaultKind.CHANGED,
        entry_id,
        entry_id - 1,
    )


@pytest.mark.parametrize("column", CONTENT)
def test_every_column_is_covered(full_book, column):
    with full_book.spoiling() as spoiled:
        flip(spoiled, "ledger_entries", ("entry_id", 150), column, (0, 0))
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.CHANGED, 150)


@postgresql_when_slow
@pytest.mark.parametrize("column", CONTENT)
def test_every_column_of_every_tenth_entry_is_covered(full_book, column):
    for entry_id in range(1, SIZE + 1, 10):
        with full_book.spoiling() as spoiled:
            flip(spoiled, "ledger_entries", ("entry_id", entry_id), column, (0, 0))
            found = spoiled.verify(Scope(with_roots=False))

        assert (found.kind, found.first_invalid_entry_id) == (FaultKind.CHANGED, entry_id)


@postgresql_when_slow
@many
@given(entry_id=st.integers(1, SIZE), byte=st.integers(0, 7), bit=st.integers(0, 7))
def test_a_flipped_bit_of_an_id_moves_the_entry(full_book: Book, entry_id, byte, bit):
    with full_book.spoiling() as spoiled:
        moved = flip(spoiled, "ledger_entries", ("entry_id", entry_id), "entry_id", (byte, bit))
        if moved is None:
            return
        found = spoiled.verify()

    assert found.kind in (FaultKind.DROPPED, FaultKind.INSERTED)
    assert found.first_invalid_entry_id == max(1, min(entry_id, int(str(moved))))


@postgresql_when_slow
@many
@given(number=st.integers(0, 4), column=st.sampled_from(HEADS), byte=st.integers(0, 70), bit=st.integers(0, 7))
def test_a_flipped_bit_of_a_tree_head(full_book: Book, number, column, byte, bit):
    with full_book.spoiling() as spoiled:
        new = flip(spoiled, "ledger_batches", ("batch_no", number + 1), column, (byte, bit))
        if new is None:
            return
        found = spoiled.verify()

    first = STARTS[min(number, int(str(new)))] if column == "batch_no" and 0 <= int(str(new)) < 5 else STARTS[number]
    assert found.kind in (FaultKind.ROOT_CHANGED, FaultKind.SIGNATURE_INVALID)
    assert found.first_invalid_entry_id in (first, 1 if column == "batch_no" else first)


@pytest.mark.parametrize("column", ["uuid", "hostname", "device_index", "model", "driver_version", "firmware_version"])
@pytest.mark.parametrize("gpu_key", [1, 2, 3])
def test_a_changed_gpu_is_named_by_the_first_entry_about_it(full_book, gpu_key, column):
    with full_book.spoiling() as spoiled:
        if flip(spoiled, "ledger_gpus", ("gpu_key", gpu_key), column, (0, 1)) is None:
            return
        first = spoiled.run("SELECT min(entry_id) FROM ledger_entries WHERE gpu_key = :key", key=gpu_key).scalar()
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.CHANGED, first)


@pytest.mark.parametrize("column", ["key_id", "origin", "public_key"])
def test_a_changed_key_signs_nothing(full_book, column):
    with full_book.spoiling() as spoiled:
        key_id = spoiled.run("SELECT key_id FROM ledger_keys").scalar()
        flip(spoiled, "ledger_keys", ("key_id", key_id), column, (1, 1))
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.SIGNATURE_INVALID, 1)


@pytest.mark.parametrize("change", ["hash", "node_index", "level", None])
def test_a_changed_inner_hash(full_book, change):
    with full_book.spoiling() as spoiled:
        if change is None:
            spoiled.run("DELETE FROM ledger_nodes")
        else:
            flip(spoiled, "ledger_nodes", ("node_index", 0), change, (0, 3))
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.ROOT_CHANGED, 1)
    assert "Entries and tree heads are sound" in found.description


@pytest.mark.parametrize("place", PLACES)
def test_a_dropped_entry(full_book, place):
    with full_book.spoiling() as spoiled:
        spoiled.run("DELETE FROM ledger_entries WHERE entry_id = :place", place=place)
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.DROPPED, place)


@postgresql_when_slow
@pytest.mark.parametrize("place", PLACES)
def test_a_dropped_entry_with_the_gap_closed(full_book, place):
    with full_book.spoiling() as spoiled:
        rows = spoiled.rows()
        del rows[place - 1]
        spoiled.replace_rows([(number, *row[1:]) for number, row in enumerate(rows, 1)])
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.DROPPED, place)


@postgresql_when_slow
@many
@given(places=st.lists(st.integers(1, SIZE), min_size=2, max_size=2, unique=True))
def test_two_swapped_entries(full_book: Book, places):
    one, other = sorted(places)
    with full_book.spoiling() as spoiled:
        rows = spoiled.rows()
        rows[one - 1], rows[other - 1] = (one, *rows[other - 1][1:]), (other, *rows[one - 1][1:])
        spoiled.replace_rows(rows)
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.SWAPPED, one)


@postgresql_when_slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("is_forged_well", [True, False])
def test_an_inserted_entry_with_all_others_moved_on(full_book, place, is_forged_well):
    with full_book.spoiling() as spoiled:
        rows = spoiled.rows()
        row = forged(place, rows[place - 2][6] if place > 1 else bytes(32))
        rows.insert(place - 1, row if is_forged_well else (*row[:6], bytes(32)))
        spoiled.replace_rows([(number, *row[1:]) for number, row in enumerate(rows, 1)])
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.INSERTED, place)


@pytest.mark.parametrize("place", [-3, 0, 301, 999])
def test_an_entry_outside_of_the_ledger(full_book, place):
    with full_book.spoiling() as spoiled:
        spoiled.replace_rows([*spoiled.rows(), (place, *spoiled.rows()[4][1:])])
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.INSERTED, max(place, 1))


@pytest.mark.parametrize("kept", [0, 1, 5, 6, 255, 256, 257, 299])
def test_entries_missing_at_the_end(full_book, kept):
    with full_book.spoiling() as spoiled:
        spoiled.run("DELETE FROM ledger_entries WHERE entry_id > :kept", kept=kept)
        found = spoiled.verify()
        bare = spoiled.verify(Scope(with_roots=False))

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.TRUNCATED, kept + 1)
    assert (bare.kind, bare.first_invalid_entry_id) == (FaultKind.TRUNCATED, kept + 1)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_missing_tree_head(full_book, number):
    with full_book.spoiling() as spoiled:
        spoiled.run("DELETE FROM ledger_batches WHERE batch_no = :number", number=number)
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.ROOT_CHANGED, STARTS[number - 1])


def test_entries_without_a_tree_head_are_a_torn_tail(full_book):
    with full_book.spoiling() as spoiled:
        spoiled.run("DELETE FROM ledger_batches WHERE batch_no = 5")
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id, found.entries_verified) == (FaultKind.TORN_TAIL, 257, 300)


@postgresql_when_slow
@pytest.mark.parametrize("place", [1, 5, 6, 7, 255, 256, 299])
def test_an_entry_rewritten_with_its_hash_is_given_away_by_its_successor(full_book, place):
    with full_book.spoiling() as spoiled:
        rows = spoiled.rows()
        rows[place - 1] = forged(place, rows[place - 2][6] if place > 1 else bytes(32))
        spoiled.replace_rows(rows)
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.CHANGED, place)


@postgresql_when_slow
@pytest.mark.parametrize(("place", "named"), [(1, 1), (5, 4), (150, 7), (299, 257), (300, 257)])
def test_a_chain_made_anew_is_given_away_by_the_first_tree_head_over_it(full_book, place, named):
    with full_book.spoiling() as spoiled:
        rows = spoiled.rows()
        rows[place - 1] = forged(place, rows[place - 2][6] if place > 1 else bytes(32))
        parts = stored_parts(spoiled.connection)
        for number in range(place, len(rows)):
            row = (*rows[number][:5], rows[number - 1][6], b"")
            rows[number] = (*row[:6], hash_at(row, number + 1, parts))
        spoiled.replace_rows(rows)
        found = spoiled.verify()

    assert (found.kind, found.first_invalid_entry_id) == (FaultKind.ROOT_CHANGED, named)
