"""A database of its own for every test, once in SQLite and once in PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.postgres import postgres_server, postgres_url
from tests.storage.deciding import Triage

from gcm_sentinel.storage.database import Database

__all__ = ["postgres_server", "postgres_url"]

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


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
def database_url(request, tmp_path) -> str:
    """The URL of an empty database; PostgreSQL is only started where a test asks for it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/incidents.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(database_url, clock) -> AsyncIterator[Database]:
    """An open database at the newest version."""
    async with Database.open(database_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def triage(database) -> Triage:
    """Observations and decisions over the database."""
    return Triage(database)
