"""Gateways for tests: one per test, in this process, on SQLite and without REST unless a test asks for more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import structlog
from tests.postgres import postgres_server, postgres_url
from tests.sentinel_gateway.driving import Client, settings

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import Running, running_gateway

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


@pytest.fixture
async def gateway(tmp_path: Path, groups: Groups) -> AsyncIterator[Running]:
    """A gateway where everybody is admin and agent."""
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
    if request.param == "sqlite":
        return {}
    return {"database": {"url": request.getfixturevalue("postgres_url")}}
