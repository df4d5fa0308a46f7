"""A real PostgreSQL for tests, without docker: one server per test process, an empty database per test.

Import `postgres_server` and `postgres_url` in a ``conftest.py``; all of them hand out the same server. It lives in a
temporary folder, listens on a free loopback port, and is stopped when the session ends. As root it runs as the user
``postgres``, because it refuses to run as root. Where PostgreSQL is not installed the tests are skipped with the reason
and how to install it; in CI (``CI`` is set) they fail.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60")
_START_TIMEOUT_S = 60
_NEW_SERVER = "GCM_TEST_POSTGRES_FILES"
"""Names the folder where the processes of a run share the files of a new server; set by ``conftest.py``."""
_CUT_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
"""Nobody waits for their end here: what follows needs their locks, and gets them when they are gone."""
_EMPTY_TABLES = """
    DO $$ DECLARE name regclass; BEGIN
        SET LOCAL session_replication_role = replica;  -- in any order, whatever refers to what
        FOR name IN SELECT oid FROM pg_class
            WHERE relkind = 'r' AND relnamespace = '{schema}'::regnamespace AND relname <> ALL ('{{{keeping}}}')
        LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
        PERFORM setval(oid, 1, false) FROM pg_class
            WHERE relkind = 'S' AND relnamespace = '{schema}'::regnamespace;
    END $$
"""
_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables that a database may keep from one test to the next, because making them takes long."""

    schema: str
    filled: tuple[str, ...]
    """Those whose rows are kept too: they tell which migrations were made."""


def removing_rows(kept: Tables) -> str:
    """The statement that leaves a database as `kept` says, its counters at their beginning."""
    return _EMPTY_TABLES.format(schema=kept.schema, keeping=",".join(kept.filled))


class PostgresServer:
    """A server that can be stopped and started again on the same port."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="gcm-pg-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user, self._user)
        self._free: dict[Tables | None, list[str]] = defaultdict(list)
        self._process: subprocess.Popen[bytes] | None = None
        self._make_files()
        self.port = _free_port()
        self.start()

    def url(self, database: str) -> str:
        """How to reach one database of it."""
        return f"postgresql://tester@127.0.0.1:{self.port}/{database}"

    def create_database(self, kept: Tables | None = None) -> str:
        """The name of a database without rows: one that was given back where there is one, for making one takes long.

        It has no tables either, or those of `kept` where whoever gave it back had made them.
        """
        for names in (self._free[kept], self._free[None]):
            if names:
                return names.pop()
        name = f"t{uuid.uuid4().hex[:16]}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY wal_log".encode())
        return name

    def give_back(self, name: str, kept: Tables | None = None) -> None:
        """Cut whoever is still connected to a database and remove everything in it, or the rows of `kept`."""
        self._free[kept].append(name)
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(_CUT_OTHERS)
            if kept is not None:
                connection.execute(removing_rows(kept).encode())
                return
            for (schema,) in connection.execute(_SCHEMAS).fetchall():
                connection.execute(f'DROP SCHEMA "{schema}" CASCADE'.encode())
            connection.execute("CREATE SCHEMA public")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        settings = [part for setting in _FAST for part in ("-c", setting)]
        command = [_binary("postgres"), "-D", str(self._data), "-p", str(self.port), *settings]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._folder}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words, a program that was looked up
                command, stdout=log, stderr=log, cwd=self._folder, user=self._user, group=self._user
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'log').read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it, cutting its connections; what was committed is kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Stop it and delete its files."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make_files(self) -> None:
        """The first server of a run initialises them, the others copy what it made: that takes a fourth of the time."""
        shared = Path(os.environ[_NEW_SERVER])
        shared.mkdir(exist_ok=True)
        with (shared / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (shared / "data").exists():
                command = ("-D", str(self._data), "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8")
                self._run("initdb", *command, "--wal-segsize=1")
                shutil.copytree(self._data, shared / "data.part")
                (shared / "data.part").rename(shared / "data")
                return
        shutil.copytree(shared / "data", self._data)
        if self._user:
            for path in (self._data, *self._data.rglob("*")):
                shutil.chown(path, self._user, self._user)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [_binary(program), *arguments]
        subprocess.run(  # noqa: S603 - our own words, a program that was looked up
            command, check=True, capture_output=True, cwd=self._folder, user=self._user, group=self._user
        )


_SERVER = pytest.StashKey[PostgresServer]()


def _binary(name: str) -> str:
    """The path of one of PostgreSQL's programs; Debian keeps them out of the PATH."""
    if found := shutil.which(name):
        return os.path.realpath(found)
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if not versions:
        words = f"{name} is not installed: install the PostgreSQL server (apt-get install postgresql)"
        if os.environ.get("CI"):
            raise RuntimeError(words)
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {words}; CI fails without it")
    return str(versions[-1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> PostgresServer:
    """The one running server of this process, whichever ``conftest.py`` asks; who stops it must start it again."""
    if _SERVER not in pytestconfig.stash:
        pytestconfig.stash[_SERVER] = server = PostgresServer()
        pytestconfig.add_cleanup(server.remove)
    return pytestconfig.stash[_SERVER]


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.give_back(name)
