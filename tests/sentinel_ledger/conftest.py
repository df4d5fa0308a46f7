"""Ledgers in SQLite and in PostgreSQL: an empty one for each test, one of 300 entries to be spoiled and restored.

Tables are made once and not for each test: SQLite's files are copied, PostgreSQL's databases are emptied.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.postgres import PostgresServer, postgres_server, postgres_url
from tests.sentinel_ledger.book import SIZES, TABLES, Book, opened

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory) -> Path:
    """A file with all tables and no entries."""
    folder = Path(tmp_path_factory.mktemp("tables"))
    with opened(f"sqlite:///{folder}/ledger.db", folder):
        return folder / "ledger.db"


@pytest.fixture(scope="session")
def tables(request):
    """Lends the URL of an empty ledger; PostgreSQL is only started where a test asks for it."""

    @contextmanager
    def lent(dialect: str, folder: Path) -> Iterator[str]:
        if dialect == "sqlite":
            yield f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_with_tables'), folder)}"
            return
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = server.create_database(TABLES)
        yield server.url(name)
        server.give_back(name, TABLES)

    return lent


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path, tables) -> Iterator[str]:
    """An empty database."""
    with tables(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def book(url, tmp_path) -> Iterator[Book]:
    """An empty ledger."""
    with opened(url, tmp_path) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def module_book(request, tmp_path_factory, tables) -> Iterator[Book]:
    """An empty ledger for all tests of a file."""
    folder = tmp_path_factory.mktemp("ledger")
    with tables(request.param, folder) as lent, opened(lent, folder) as found:
        yield found


@pytest.fixture(scope="module")
def full_book(module_book: Book) -> Book:
    """A ledger of 300 entries that every test leaves as it was."""
    module_book.fill(*SIZES)
    return module_book
