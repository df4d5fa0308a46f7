"""A ledger written by hand, stored in SQLite and in PostgreSQL with true signatures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.postgres import postgres_server, postgres_url
from tests.sentinel_reports.stored import Stored, stored
from tests.sentinel_reports.story import story

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Iterator[Stored]:
    """The story of a month in SQLite; only to be read."""
    folder = tmp_path_factory.mktemp("told")
    with stored(f"sqlite:///{folder}/gateway.db", folder, story()) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request, tmp_path) -> Iterator[Stored]:
    """The same story in either database."""
    url = f"sqlite:///{tmp_path}/gateway.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    with stored(url, tmp_path, story()) as found:
        yield found
