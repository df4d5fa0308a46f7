"""Pages of entries that are large: bounded by bytes, in memory too."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from tests.sentinel_ledger.book import T0, Book, book_on_postgresql_when_slow, postgresql_when_slow
from tests.sentinel_ledger.test_reading import pages

from sentinel.v1.audit_pb2 import AuditQueryResponse
from sentinel_gateway.domain.paging import PAGE_BYTES
from sentinel_gateway.ledger.query import EntryFilter
from sentinel_gateway.ledger.reader import LedgerReader
from sentinel_sdk.ledger.entry import Entry, EntryGpu, NewEntry
from sentinel_sdk.ledger.wire import entry_to_proto

MIB = 1 << 20
TAKEN_BY_CLIENTS = 4 * MIB
"""Of one message, by clients of gRPC that were not told otherwise."""
SIZES = [10, MIB, 1_500_000, 2 * MIB, 5 * MIB, 5 * MIB, 0, 0, PAGE_BYTES, MIB]
DESCRIBED = EntryGpu("GPU-1", *("ü" * 1024,), device_index=1, model="ü" * 1024, driver_version="ü" * 1024)


@pytest.fixture(scope="module")
def large(module_book: Book) -> LedgerReader:
    """A ledger of entries of these sizes."""
    with module_book.writing() as writer:
        for number, size in enumerate(SIZES):
            module_book.append(writer, [NewEntry(1, T0 + number, bytes([number]) * size)])
    return module_book.reader


def bytes_of(page: tuple[Entry, ...]) -> int:
    """What a page takes on the wire, with the longest token."""
    entries = [entry_to_proto(entry) for entry in page]
    return AuditQueryResponse(entries=entries, next_page_token="x" * 100, total_count=1 << 62).ByteSize()


@pytest.mark.parametrize("descending", [False, True], ids=["oldest first", "newest first"])
def test_pages_hold_all_entries_once_and_no_more_than_clients_take(large, descending):
    found = list(pages(large, EntryFilter(descending=descending), 1000))

    sizes = [len(entry.data) for page in found for entry in page]
    assert sizes == (SIZES[::-1] if descending else SIZES)
    assert all(len(page) == 1 or bytes_of(page) <= TAKEN_BY_CLIENTS for page in found)
    assert len(found) < len(SIZES)


def test_an_entry_larger_than_a_page_comes_alone(large):
    found = list(pages(large, EntryFilter(), 1000))

    assert [len(page) for page in found if len(page[0].data) == 5 * MIB] == [1, 1]


def test_all_entries_are_read_in_order_whatever_their_size(large):
    assert [len(entry.data) for entry in large.entries()] == SIZES
    assert [len(entry.data) for entry in large.entries(5, 8)] == SIZES[4:8]


@book_on_postgresql_when_slow
def test_many_small_entries_with_long_descriptions_are_no_more_than_clients_take(book: Book):
    with book.writing() as writer:
        book.append(writer, [NewEntry(1, T0, b"", DESCRIBED)] * 1000)

    found = list(pages(book.reader, EntryFilter(), 1000))

    assert sum(map(len, found)) == 1000
    assert all(bytes_of(page) <= TAKEN_BY_CLIENTS for page in found)


@postgresql_when_slow
@pytest.mark.parametrize(
    "reading",
    [lambda reader: reader.query(EntryFilter(), 1000), lambda reader: sum(1 for _ in reader.entries())],
    ids=["a page", "all entries"],
)
def test_reading_takes_the_memory_of_a_page(large, reading: Callable[[LedgerReader], object]):
    tracemalloc.start()
    reading(large)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 3 * max(SIZES) < sum(SIZES)
