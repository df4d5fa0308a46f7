"""Ledgers in SQLite and in PostgreSQL: an empty one for each test, one of 300 entries to be spoiled and restored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.postgres import postgres_server, postgres_url
from tests.sentinel_ledger.book import SIZES, Book, opened

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """An empty database; PostgreSQL is only started where a test asks for it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def book(url, tmp_path) -> Iterator[Book]:
    """An empty ledger."""
    with opened(url, tmp_path) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def module_book(request, tmp_path_factory) -> Iterator[Book]:
    """An empty ledger for all tests of a file."""
    folder = tmp_path_factory.mktemp("ledger")
    if request.param == "sqlite":
        with opened(f"sqlite:///{folder}/ledger.db", folder) as found:
            yield found
        return
    server = request.getfixturevalue("postgres_server")
    name = server.create_database()
    with opened(server.url(name), folder) as found:
        yield found
    server.give_back(name)


@pytest.fixture(scope="module")
def full_book(module_book: Book) -> Book:
    """A ledger of 300 entries that every test leaves as it was."""
    module_book.fill(*SIZES)
    return module_book
