"""Queries: what fits, in order, page by page, while the ledger grows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from tests.sentinel_ledger.book import GPUS, T0, Book, new_entries

from sentinel_gateway.domain.errors import Invalid, Unavailable
from sentinel_gateway.ledger.query import EntryFilter
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_gateway.ledger.rows import streamed
from sentinel_gateway.storage.database import Database
from sentinel_sdk.ledger.entry import Entry, EntryGpu, NewEntry
from sentinel_sdk.ledger.wire import entry_from_proto, entry_to_proto

SECOND = 1_000_000_000
QUERIES = [
    EntryFilter(),
    EntryFilter(descending=True),
    EntryFilter(gpu_uuid=GPUS[1].uuid),
    EntryFilter(gpu_uuid=GPUS[1].uuid, entry_type=2, descending=True),
    EntryFilter(entry_type=3),
    EntryFilter(start_ns=T0 + 100 * SECOND),
    EntryFilter(end_ns=T0 + 17 * SECOND, descending=True),
    EntryFilter(gpu_uuid=GPUS[0].uuid, start_ns=T0 + 20 * SECOND, end_ns=T0 + 90 * SECOND),
    EntryFilter(entry_type=6, start_ns=T0 + 20 * SECOND, end_ns=T0 + 90 * SECOND),
    EntryFilter(gpu_uuid="GPU-nobody"),
    EntryFilter(start_ns=T0 + 999 * SECOND),
    EntryFilter(start_ns=T0 + 50 * SECOND, end_ns=T0 + 50 * SECOND),
]


def fits(entry: Entry, wanted: EntryFilter) -> bool:
    """The meaning of a filter, spelt out."""
    return (
        (not wanted.gpu_uuid or (entry.gpu is not None and entry.gpu.uuid == wanted.gpu_uuid))
        and wanted.entry_type in (0, entry.entry_type)
        and (wanted.start_ns is None or entry.timestamp_ns >= wanted.start_ns)
        and (wanted.end_ns is None or entry.timestamp_ns < wanted.end_ns)
    )


def pages(reader: LedgerReader, wanted: EntryFilter, limit: int) -> Iterator[tuple[Entry, ...]]:
    """All pages of a query."""
    token, is_first = "", True
    while token or is_first:
        page = reader.query(wanted, limit, token)
        token, is_first = page.next_token, False
        yield page.entries


@pytest.mark.parametrize("wanted", QUERIES, ids=str)
def test_pages_hold_all_that_fits_once_and_in_order(full_book, wanted):
    reader = LedgerReader(full_book.database)
    expected = [entry for entry in reader.entries() if fits(entry, wanted)]
    expected.sort(key=lambda entry: entry.entry_id, reverse=wanted.descending)

    for limit in (7, 1000):
        assert [entry for page in pages(reader, wanted, limit) for entry in page] == expected
    assert reader.query(wanted, 5).total_count == len(expected)


def test_pages_stay_what_they_were_while_the_ledger_grows(book):
    book.fill(10)
    reader = LedgerReader(book.database)
    first = reader.query(EntryFilter(descending=True), 4)
    book.fill(5)

    second = reader.query(EntryFilter(descending=True), 100, first.next_token)

    assert [entry.entry_id for entry in (*first.entries, *second.entries)] == list(range(10, 0, -1))
    assert second.total_count == 10


def test_a_gpu_is_found_by_all_its_descriptions(book: Book):
    described = [EntryGpu("GPU-1", driver_version=version) for version in ("1", "2", "3")]
    with book.writing() as writer:
        book.append(writer, [NewEntry(1, T0, b"", gpu) for gpu in (*described, *described)])

    page = LedgerReader(book.database).query(EntryFilter(gpu_uuid="GPU-1"), 100)

    assert [entry.entry_id for entry in page.entries] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_refused(full_book, limit):
    with pytest.raises(Invalid, match="limit must be from 1 to 1000"):
        LedgerReader(full_book.database).query(EntryFilter(), limit)


def test_a_token_of_another_query_is_refused(full_book):
    reader = LedgerReader(full_book.database)
    token = reader.query(EntryFilter(entry_type=1), 5).next_token

    for other in (EntryFilter(entry_type=2), EntryFilter(entry_type=1, descending=True), EntryFilter()):
        with pytest.raises(Invalid, match="page_token is not of this query"):
            reader.query(other, 5, token)


def test_a_token_with_any_sign_changed_is_refused(full_book):
    reader = LedgerReader(full_book.database)
    token = reader.query(EntryFilter(), 5).next_token

    for place in range(len(token) - 1):
        wrong = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(Invalid):
            reader.query(EntryFilter(), 5, wrong)
    for wrong in ("x", "ä", "=" * 8, token + "AAAA"):
        with pytest.raises(Invalid):
            reader.query(EntryFilter(), 5, wrong)


def test_a_time_that_does_not_fit_is_refused(full_book):
    with pytest.raises(Invalid, match="start_time"):
        LedgerReader(full_book.database).query(EntryFilter(start_ns=1 << 63), 5)


def test_an_empty_ledger_answers_empty(book):
    reader = LedgerReader(book.database)

    page = reader.query(EntryFilter(), 5)

    assert (page.entries, page.next_token, page.total_count, reader.ends()) == ((), "", 0, (1, 0))
    assert (list(reader.entries()), reader.entry(1), reader.checkpoint(), reader.cut()) == ([], None, None, None)


def test_entries_survive_the_way_over_the_wire(full_book):
    for entry in LedgerReader(full_book.database).entries(1, 20):
        assert entry_from_proto(entry_to_proto(entry)) == entry
    assert new_entries(1)


def test_a_server_that_goes_away_while_rows_are_read_leaves_no_cursor_open(postgres_url):
    with Database.open(postgres_url) as database, suppress(Unavailable), database.reading() as connection:
        session: Any = connection.connection.driver_connection
        rows: Any = streamed(connection, "SELECT generate_series(1, 9000)", ())
        assert len(next(rows)) < 9000
        cursor = rows.gi_frame.f_locals["cursor"]
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (session.info.backend_pid,))

        with pytest.raises(psycopg.OperationalError):
            rows.close()

    assert cursor.closed
