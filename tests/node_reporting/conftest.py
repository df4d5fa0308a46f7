"""Logs go nowhere, and a gateway for each test that asks for one."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from tests.node_reporting.node import gateway

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import Running
from sentinel_gateway.storage.database import Database


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Unless a test captures them."""
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
async def taking(tmp_path: Path, groups: Groups, sqlite_with_tables: Path) -> AsyncIterator[Running]:
    """A gateway that takes reports."""
    (tmp_path / "gateway").mkdir()
    shutil.copy(sqlite_with_tables, tmp_path / "gateway")
    async with gateway(tmp_path / "gateway", groups) as running:
        yield running
