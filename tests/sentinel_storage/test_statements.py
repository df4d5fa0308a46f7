"""Statements that are run for many rows are the same for both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from sentinel_gateway.domain.errors import Bug
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.statements import run_many


def test_a_percent_sign_which_psycopg_would_take_for_a_name_is_refused_on_both(tmp_path):
    statement = text("DELETE FROM gpus WHERE uuid = :uuid AND gpu_id % 2 = 0")
    with (
        Database.open(f"sqlite:///{tmp_path}/gateway.db") as database,
        database.writing() as connection,
        pytest.raises(Bug, match="cannot contain"),
    ):
        run_many(connection, statement, [{"uuid": "a"}])
