"""A queue's file that is damaged is named, with what to do and what that costs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.durable.pieces import Halting, opened

from gcm_sentinel.domain.errors import BadConfiguration


def spoilt(path: Path) -> None:
    """A database whose pages after the first are garbage."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE dbos_migrations (version)")
        connection.executemany("INSERT INTO dbos_migrations VALUES (?)", [(1,)] * 999)
    connection.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))


@pytest.mark.parametrize(
    "damage", [lambda path: path.write_bytes(b"not a database, " * 99), spoilt], ids=["all", "end"]
)
async def test_it_is_named_with_what_to_do(tmp_path, damage):
    path = tmp_path / "durable.db"
    damage(path)

    with pytest.raises(BadConfiguration, match=r"durable\.db' is damaged .* move it away .* handed in again"):
        async with opened(f"sqlite:///{path}", Halting(())):
            pass
