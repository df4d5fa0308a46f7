"""Gateways on SQLite and on PostgreSQL.

Tables are made once and not for each test: SQLite's file is copied, PostgreSQL's databases are emptied.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.postgres import PostgresServer, postgres_server, postgres_url
from tests.sentinel_core.gateway import Place
from tests.sentinel_ledger.book import TABLES

from sentinel_gateway.storage.database import Database

__all__ = ["postgres_server", "postgres_url"]
_MEMORY = "/dev/shm"  # noqa: S108  tempfile makes a folder in it that nobody else can guess


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a gateway's files are: in memory where that can be, for disks are slower than tests."""
    if not os.access(_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="sentinel-core-", dir=_MEMORY) as made:
        yield Path(made)


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and nothing in them."""
    file = tmp_path_factory.mktemp("tables") / "gateway.db"
    with Database.open(f"sqlite:///{file}"):
        return file


@pytest.fixture
def place(folder: Path, sqlite_with_tables: Path) -> Place:
    """A gateway on SQLite."""
    return Place(f"sqlite:///{shutil.copy(sqlite_with_tables, folder)}", folder)


@pytest.fixture
def kept_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty PostgreSQL database, with tables where another test has made them."""
    name = postgres_server.create_database(TABLES)
    yield postgres_server.url(name)
    postgres_server.give_back(name, TABLES)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, folder: Path) -> Place:
    """A gateway on each of the databases."""
    if request.param == "sqlite":
        return request.getfixturevalue("place")  # type: ignore[no-any-return]
    return Place(request.getfixturevalue("kept_postgres_url"), folder)
