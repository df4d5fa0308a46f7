"""Gateways on SQLite and on PostgreSQL."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.postgres import postgres_server, postgres_url
from tests.sentinel_core.gateway import Place

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


@pytest.fixture
def place(folder: Path) -> Place:
    """A gateway on SQLite."""
    return Place(f"sqlite:///{folder}/gateway.db", folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, folder: Path) -> Place:
    """A gateway on each of the databases."""
    if request.param == "sqlite":
        return Place(f"sqlite:///{folder}/gateway.db", folder)
    return Place(request.getfixturevalue("postgres_url"), folder)
