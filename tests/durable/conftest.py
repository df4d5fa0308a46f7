"""Databases without jobs, of either sort, and processes to be killed: forks of one that imported DBOS."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from tests.durable.pieces import DEADLINE_S, opened
from tests.durable.process import Script, run
from tests.postgres import PostgresServer, Tables, postgres_server, postgres_url

from gcm_sentinel.domain.steps import Steps

__all__ = ["PostgresServer", "postgres_server", "postgres_url"]

TABLES = Tables("dbos", filled=("dbos_migrations",))
FORKS = multiprocessing.get_context("forkserver")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A new SQLite file."""
    return f"sqlite:///{tmp_path / 'durable.db'}"


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with DBOS's tables, which take as long to make as a test takes."""
    file = Path(tmp_path_factory.mktemp("tables"), "durable.db")

    async def nothing(key: str, steps: Steps) -> None:
        """No job is submitted."""

    async def make() -> None:
        async with opened(f"sqlite:///{file}", nothing):
            pass

    asyncio.run(make())
    return file


@pytest.fixture
def postgres_with_tables(postgres_server: PostgresServer) -> Iterator[str]:
    """A database that may have DBOS's tables already."""
    name = postgres_server.create_database(TABLES)
    yield postgres_server.url(name)
    postgres_server.give_back(name, TABLES)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without jobs, of either sort; its tables may be there already."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_with_tables"))
    file = shutil.copy(request.getfixturevalue("sqlite_with_tables"), tmp_path / "durable.db")
    return f"sqlite:///{file}"


@dataclass(slots=True)
class Processes:
    """Starts processes of one script, and reads what they wrote."""

    base: Script
    started: list[ForkServerProcess] = field(default_factory=list)

    def start(self, change: Callable[[Script], Script] = lambda script: script) -> ForkServerProcess:
        """Start one."""
        process = FORKS.Process(target=run, args=(change(self.base),))
        process.start()
        self.started.append(process)
        return process

    def run(self, **changes: object) -> int | None:
        """Start one and wait for its end; its exit code."""
        return self.wait(self.start(lambda script: replace(script, **changes)))  # type: ignore[arg-type]

    def wait(self, process: ForkServerProcess) -> int | None:
        """Wait for the end of one; its exit code."""
        process.join(DEADLINE_S)
        assert process.exitcode is not None, f"still running after {DEADLINE_S} s; it wrote:\n{self.lines()}"
        return process.exitcode

    def signal(self, process: ForkServerProcess, number: signal.Signals) -> None:
        """Send a signal."""
        assert process.pid is not None
        os.kill(process.pid, number)

    def lines(self) -> list[str]:
        """What they wrote so far."""
        return self.base.log.read_text().splitlines() if self.base.log.exists() else []

    def until(self, *parts: str) -> None:
        """Wait until a line holds all of `parts`."""
        deadline = time.monotonic() + DEADLINE_S
        while not any(all(part in line for part in parts) for line in self.lines()):
            assert time.monotonic() < deadline, f"no line with {parts} in {self.lines()}"
            time.sleep(0.01)

    def ends(self) -> Counter[str]:
        """How often each ``<job> <step>`` was done to its end."""
        return Counter(" ".join(line.split()[1:3]) for line in self.lines() if line.endswith(" end"))

    def begins(self) -> Counter[str]:
        """How often each ``<job> <step>`` was begun."""
        return Counter(" ".join(line.split()[1:3]) for line in self.lines() if line.endswith(" begin"))

    def results(self) -> list[str]:
        """What the jobs made of their steps' results, one entry for each time a job came to its end."""
        return [line.split(" result ")[1] for line in self.lines() if " result " in line]


def _processes(url: str, tmp_path: Path) -> Iterator[Processes]:
    FORKS.set_forkserver_preload(["gcm_sentinel.clients.durable.engine"])
    processes = Processes(Script(url=url, log=tmp_path / "work.log"))
    yield processes
    for process in processes.started:
        process.kill()
        process.join(DEADLINE_S)


@pytest.fixture
def processes(url: str, tmp_path: Path) -> Iterator[Processes]:
    """Processes that serve one database."""
    yield from _processes(url, tmp_path)


@pytest.fixture
def replicas(postgres_url: str, tmp_path: Path) -> Iterator[Processes]:
    """Processes that share one PostgreSQL."""
    yield from _processes(postgres_url, tmp_path)
