"""The commands as a person starts them, what `--help` costs with them, and the database they are told to use."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from tests.incidents_cli.past import Past

HEAVY = ("sqlalchemy", "starlette", "uvicorn", "dbos", "opentelemetry", "prometheus_client", "structlog")
LOOK = """
import sys
sys.argv = ["gcm-sentinel", "incidents", "--help"]
from gcm_sentinel.app.cli import main
try:
    main()
except SystemExit:
    pass
print(",".join(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.fixture
def start(tmp_path):
    def call(*command, **variables):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GCM_SENTINEL_")}
        return subprocess.run(  # noqa: S603  our own command
            [sys.executable, *command],
            env=clean | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return call


def test_help_loads_nothing_heavy(start):
    done = start("-c", LOOK)

    assert "reinvestigate" in done.stdout
    assert set(done.stderr.strip().split(",")) & set(HEAVY) == set()


def test_postgresql_is_reached_by_its_url(start, run, postgres_url, monkeypatch):
    asyncio.run(Past.write(postgres_url, lambda given: given.investigated()))

    monkeypatch.setenv("GCM_SENTINEL_DATABASE_URL", postgres_url)
    shown = run("list")
    closed = start("-m", "gcm_sentinel", "incidents", "close", "abc", GCM_SENTINEL_DATABASE_URL=postgres_url)

    assert "inc-abc123" in shown.out
    assert (closed.returncode, closed.stdout) == (0, "inc-abc123 is closed\n")


def test_a_database_that_is_away_is_one_line_and_exit_code_4(run, monkeypatch):
    monkeypatch.setenv("GCM_SENTINEL_DATABASE_URL", "postgresql://u:pw@127.0.0.1:1/x")

    done = run("list")

    assert done.code == 4
    assert done.err.count("\n") == 1
    assert "pw" not in done.err
