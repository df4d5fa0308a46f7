"""An empty database for every test, once in SQLite and once in PostgreSQL.

Opening one takes longer than most tests: connections are made, statements compiled anew, PostgreSQL reads its catalog
for each connection. So tests that do not open it themselves get one that stays open, and leave it without rows. It
needs one event loop, therefore all tests here run in that of the session.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from tests.postgres import Tables, postgres_server, postgres_url, removing_rows
from tests.storage.deciding import Triage

from gcm_sentinel.storage.connecting import engine_for, place_of
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.schema import SCHEMA, metadata

__all__ = ["postgres_server", "postgres_url"]

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
OURS = Tables(SCHEMA, filled=("schema_version",))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Runs every test here in the event loop of the session."""
    if isinstance(item, pytest.Function) and asyncio.iscoroutinefunction(item.function):
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def _connections_end_before_the_event_loop() -> AsyncIterator[None]:
    """A cancelled statement leaves SQLAlchemy to close its connection in a task of its own; give it the time."""
    before = set(threading.enumerate())
    yield
    async with asyncio.timeout(10):
        while any("_connection_worker_thread" in one.name for one in set(threading.enumerate()) - before):  # noqa: ASYNC110
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
    """Which database."""
    return str(request.param)


@pytest.fixture
def database_url(dialect, request, tmp_path) -> str:
    """The URL of an empty database, without tables."""
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path}/incidents.db"
    return str(request.getfixturevalue("postgres_url"))


class KeptDatabase:
    """One that stays open from test to test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._place = place_of(url)
        self.engine = engine_for(self._place, max_pool=10)

    def opened(self, clock: MovableClock) -> Database:
        """As a test sees it: nothing in it, and time is the test's."""
        return Database(self.engine, self._place, clock)

    async def remove_rows(self) -> None:
        """Make it as it was."""
        async with self.opened(MovableClock()).writing() as connection:
            if self._place.dialect == "postgresql":
                await connection.exec_driver_sql(removing_rows(OURS))
                return
            await connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for name in {*metadata.tables, "sqlite_sequence"} - {*OURS.filled}:
                await connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608 - our own names


@asynccontextmanager
async def keeping(url: str) -> AsyncIterator[KeptDatabase]:
    """A new database with all tables, open until the end."""
    async with Database.open(url, clock=MovableClock()):
        kept = KeptDatabase(url)
    yield kept
    await kept.engine.dispose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept_sqlite(tmp_path_factory) -> AsyncIterator[KeptDatabase]:
    """A file."""
    async with keeping(f"sqlite:///{tmp_path_factory.mktemp('kept')}/incidents.db") as kept:
        yield kept


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept_postgresql(postgres_server) -> AsyncIterator[KeptDatabase]:
    """One on the server of this process."""
    async with keeping(postgres_server.url(postgres_server.create_database())) as kept:
        yield kept


@pytest.fixture
def kept_database(dialect, request) -> KeptDatabase:
    """The one of the test's dialect; PostgreSQL is only started where a test asks for it."""
    kept = request.getfixturevalue(f"kept_{dialect}")
    assert isinstance(kept, KeptDatabase)
    return kept


@pytest_asyncio.fixture(loop_scope="session")
async def database(kept_database, clock) -> AsyncIterator[Database]:
    """An open database at the newest version."""
    yield kept_database.opened(clock)
    await kept_database.remove_rows()


@pytest.fixture
def triage(database) -> Triage:
    """Observations and decisions over the database."""
    return Triage(database)
