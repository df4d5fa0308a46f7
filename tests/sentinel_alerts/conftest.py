"""Databases of both kinds, and real servers on loopback that take alerts."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from tests.postgres import postgres_server, postgres_url
from tests.sentinel_alerts.receivers import HttpReceiver

from sentinel_gateway.storage.database import Database

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path) -> Iterator[Database]:
    """An empty database of each kind."""
    url = f"sqlite:///{tmp_path}/gateway.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    with Database.open(url) as database:
        yield database


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    """An empty database."""
    with Database.open(f"sqlite:///{tmp_path}/gateway.db") as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    """An HTTP server that takes what is posted."""
    async with HttpReceiver.started() as started:
        yield started
