"""A database as `serve` leaves it, written through storage and the real loop, and the command line over it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from dataclasses import dataclass

import pytest
import structlog
from tests.incidents_cli.past import Past
from tests.postgres import postgres_server, postgres_url

from gcm_sentinel.app.cli import main

__all__ = ["postgres_server", "postgres_url"]


@dataclass
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def state_dir(tmp_path):
    return tmp_path / "state"


@pytest.fixture(scope="session")
def nothing_happened(tmp_path_factory):
    """A database with all tables and no rows."""
    file = tmp_path_factory.mktemp("nothing") / "gcm-sentinel.db"

    async def nothing(_):
        """Only open it."""

    asyncio.run(Past.write(f"sqlite:///{file}", nothing))
    return file


@pytest.fixture
def past(state_dir, nothing_happened):
    """Write what happened: ``past(lambda given: given.investigated())``."""
    state_dir.mkdir()
    file = shutil.copy(nothing_happened, state_dir)
    return lambda happen: asyncio.run(Past.write(f"sqlite:///{file}", happen))


@pytest.fixture
def run(gcm):
    """`gcm-sentinel incidents …` in this process: its exit code and what it printed."""
    return lambda *arguments: gcm("incidents", *arguments)


@pytest.fixture
def gcm(monkeypatch, capsys, state_dir):
    """`gcm-sentinel …` in this process: its exit code and what it printed."""
    for name in [name for name in os.environ if name.startswith("GCM_SENTINEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GCM_SENTINEL_STATE_DIR", str(state_dir))

    def call(*arguments: str) -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["gcm-sentinel", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Done(int(ended.value.code or 0), printed.out, printed.err)

    yield call
    structlog.reset_defaults()
