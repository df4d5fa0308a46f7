"""Gateways on SQLite and on PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.postgres import postgres_server, postgres_url
from tests.sentinel_core.gateway import Place

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A gateway on SQLite."""
    return Place(f"sqlite:///{tmp_path}/gateway.db", tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A gateway on each of the databases."""
    if request.param == "sqlite":
        return Place(f"sqlite:///{tmp_path}/gateway.db", tmp_path)
    return Place(request.getfixturevalue("postgres_url"), tmp_path)
