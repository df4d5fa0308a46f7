"""A database of its own for every test, once in SQLite and once in PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.postgres import Tables, postgres_server, postgres_url
from tests.storage.deciding import Triage

from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import SCHEMA

__all__ = ["postgres_server", "postgres_url"]

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
OURS = Tables(SCHEMA, filled=("schema_version",))


@pytest.fixture(autouse=True)
async def _connections_end_before_the_event_loop() -> AsyncIterator[None]:
    """A cancelled statement leaves SQLAlchemy to close its connection in a task of its own; give it the time."""
    yield
    async with asyncio.timeout(10):
        while any("_connection_worker_thread" in thread.name for thread in threading.enumerate()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class MovableClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.moment

    def monotonic(self) -> float:
        """Seconds since 1970."""
        return self.moment.timestamp()

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self.moment += by


@pytest.fixture
def clock() -> MovableClock:
    """Time, as the test wants it."""
    return MovableClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request) -> str:
    """Which database; PostgreSQL is only started where a test asks for it."""
    return str(request.param)


@pytest.fixture
def database_url(dialect, request, tmp_path) -> str:
    """The URL of an empty database, without tables."""
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path}/incidents.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def sqlite_at_newest_version(tmp_path_factory) -> Path:
    """A file with all tables and no rows."""
    file = Path(tmp_path_factory.mktemp("newest"), "incidents.db")

    async def make() -> None:
        async with Database.open(f"sqlite:///{file}", clock=MovableClock()):
            pass

    asyncio.run(make())
    return file


@pytest.fixture
def postgres_with_tables(postgres_server) -> Iterator[str]:
    """The URL of a database without rows, that may have our tables already."""
    name = postgres_server.create_database(OURS)
    yield postgres_server.url(name)
    postgres_server.give_back(name, OURS)


@pytest.fixture
def prepared_url(dialect, request, tmp_path) -> str:
    """The URL of a database that takes little to open: tables are made once and not for each test."""
    if "database_url" in request.fixturenames:
        return str(request.getfixturevalue("database_url"))
    if dialect == "postgresql":
        return str(request.getfixturevalue("postgres_with_tables"))
    file = shutil.copy(request.getfixturevalue("sqlite_at_newest_version"), tmp_path / "incidents.db")
    return f"sqlite:///{file}"


@pytest.fixture
async def database(prepared_url, clock) -> AsyncIterator[Database]:
    """An open database at the newest version."""
    async with Database.open(prepared_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def triage(database) -> Triage:
    """Observations and decisions over the database."""
    return Triage(database)
