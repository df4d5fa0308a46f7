"""Gateways for tests: one per test, in this process, on SQLite and without REST unless a test asks for more."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
import structlog
from tests.postgres import PostgresServer, postgres_server, postgres_url
from tests.sentinel_gateway.driving import Client, settings
from tests.sentinel_ledger.book import TABLES

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import Running, running_gateway
from sentinel_gateway.storage.connecting import SCHEMA
from sentinel_gateway.storage.database import Database

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Logs go nowhere, unless a test captures them."""
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


@pytest.fixture
def groups() -> Groups:
    """What a test sets besides the usual; overridden by tests."""
    return {}


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and nothing in them: copied, for making them takes longer."""
    file = tmp_path_factory.mktemp("tables") / "gateway.db"
    with Database.open(f"sqlite:///{file}"):
        return file


@pytest.fixture
async def gateway(tmp_path: Path, groups: Groups, sqlite_with_tables: Path) -> AsyncIterator[Running]:
    """A gateway where everybody is admin and agent."""
    shutil.copy(sqlite_with_tables, tmp_path)
    async with running_gateway(settings(tmp_path, groups)) as running:
        yield running


@pytest.fixture
async def client(gateway: Running) -> AsyncIterator[Client]:
    """A client of it."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        yield Client(channel)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Groups:
    """Settings for each of the two databases."""
    return {} if request.param == "sqlite" else {"database": {"url": request.getfixturevalue("kept_postgres_url")}}


@pytest.fixture
def kept_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty PostgreSQL database, with tables where another test has made them."""
    name = postgres_server.create_database(TABLES)
    yield postgres_server.url(name)
    postgres_server.give_back(name, TABLES)


Tamper = Callable[..., None]


@pytest.fixture
def tamper(tmp_path: Path, groups: Groups) -> Tamper:
    """Runs statements on the tables of the test's gateway, past the gateway."""
    url = str(groups.get("database", {}).get("url", ""))

    def run(*statements: str) -> None:
        sqlite = tmp_path / "gateway.db"
        other: Any = psycopg.connect(url, options=f"-c search_path={SCHEMA}") if url else sqlite3.connect(sqlite)
        with closing(other), other:
            for statement in statements:
                other.execute(statement)

    return run
