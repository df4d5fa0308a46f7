"""DBOS is slow to import, so it is imported only where an engine is wanted."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def imported_by(statement: str) -> set[str]:
    """The top-level modules in a new interpreter after `statement`."""
    code = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return set(done.stdout.split())


def test_the_package_and_the_local_queue_do_not_import_dbos():
    modules = imported_by("from gcm_sentinel.clients.durable import DurableConfig, JobKind, LocalQueue")

    assert not modules & {"dbos", "sqlalchemy", "psycopg"}


def test_asking_for_the_engine_does():
    assert "dbos" in imported_by("from gcm_sentinel.clients.durable import DurableEngine")
