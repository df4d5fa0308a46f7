"""One database, two kinds: transactions, versions, one writer."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
import structlog
from sqlalchemy import Connection, text

from sentinel_gateway.domain.errors import BadConfiguration, Unavailable
from sentinel_gateway.storage.connecting import _prepare_postgresql
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.migrate import Step, released, version_of

STEPS = [
    Step(1, "first", "CREATE TABLE things (thing BIGINT PRIMARY KEY);\n"),
    Step(2, "second", "CREATE TABLE more (x $bytes);\n"),
]


@contextmanager
def opened(url: str, steps: list[Step] | None = None, **how: bool) -> Iterator[Database]:
    """With tables of our own."""
    with Database.open(url, steps=STEPS if steps is None else steps, **how) as database:
        yield database


def add(connection: Connection, thing: int) -> None:
    """One row."""
    connection.execute(text("INSERT INTO things (thing) VALUES (:thing)"), {"thing": thing})


def things(connection: Connection) -> list[int]:
    """All rows."""
    return list(connection.scalars(text("SELECT thing FROM things ORDER BY thing")))


def test_what_was_written_is_there_after_opening_again(url):
    with opened(url) as database, database.writing() as connection:
        add(connection, 1)

    with opened(url) as database, database.reading() as connection:
        assert things(connection) == [1]


def test_a_body_that_raises_stores_nothing(url):
    with opened(url) as database:
        with pytest.raises(ZeroDivisionError), database.writing() as connection:
            raise_after_adding(connection)
        with database.reading() as connection:
            assert things(connection) == []


def raise_after_adding(connection: Connection) -> None:
    """Fail in the middle."""
    add(connection, 1)
    raise ZeroDivisionError


def test_a_reader_sees_one_moment_and_waits_for_nobody(url):
    with opened(url) as database, database.reading() as reader:
        before = things(reader)
        with database.writing() as writer:
            add(writer, 1)
        during = things(reader)

    assert (before, during) == ([], [])


def test_a_reader_cannot_write_in_postgresql(postgres_url):
    with (
        opened(postgres_url) as database,
        pytest.raises(Unavailable, match="takes no writes"),
        database.reading() as reader,
    ):
        add(reader, 1)


def test_writers_of_one_process_take_turns(url):
    with opened(url) as database:

        def write(number: int) -> None:
            with database.writing() as connection:
                add(connection, number)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.reading() as connection:
            assert things(connection) == list(range(8))


def test_a_database_goes_through_the_versions_it_lacks(url):
    with opened(url, STEPS[:1]) as database, database.writing() as connection:
        add(connection, 1)

    with opened(url) as database, database.reading() as connection:
        assert (version_of(connection), things(connection)) == (2, [1])


def test_a_newer_database_is_refused(url):
    with opened(url):
        pass

    with (
        pytest.raises(BadConfiguration, match="has version 2 and this program knows versions up to 1"),
        opened(url, STEPS[:1]),
    ):
        pass


def test_a_step_that_fails_is_not_made(url):
    broken = [*STEPS, Step(3, "third", "CREATE TABLE again (x BIGINT);\nCREATE TABLE things (x BIGINT);\n")]
    with pytest.raises(Exception, match="already exists"), opened(url, broken):
        pass

    with opened(url) as database, database.reading() as connection:
        assert version_of(connection) == 2


def test_the_released_steps_are_numbered_without_gaps(url):
    assert [step.version for step in released()] == list(range(1, len(released()) + 1))
    with Database.open(url) as database, database.reading() as connection:
        assert version_of(connection) == len(released())


def test_a_database_opened_for_reading_must_be_there_and_of_this_version(url):
    with opened(url, STEPS[:1]):
        pass

    with (
        pytest.raises(BadConfiguration, match="has version 1, this program reads version 2"),
        opened(url, create=False),
    ):
        pass


def test_a_database_opened_for_reading_is_not_written(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    with opened(url):
        pass

    with (
        opened(url, create=False) as database,
        pytest.raises(Unavailable, match="takes no writes"),
        database.writing() as writer,
    ):
        add(writer, 1)


def test_a_missing_file_is_not_made_for_reading(tmp_path):
    with (
        pytest.raises(BadConfiguration, match="there is no database"),
        opened(f"sqlite:///{tmp_path}/x.db", create=False),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_there_is_one_writer(url):
    with opened(url) as one, opened(url) as other, one.writer_lock():
        told = pytest.raises(BadConfiguration, match="already has a writer .*process.*stop that gateway")
        with told, other.writer_lock():
            pass


def test_a_writer_that_left_makes_place(url):
    with opened(url) as one, opened(url) as other:
        with one.writer_lock():
            pass
        with other.writer_lock():
            pass


def test_the_lock_is_for_its_owner_only(tmp_path):
    with opened(f"sqlite:///{tmp_path}/x.db") as database, database.writer_lock():
        assert stat.S_IMODE((tmp_path / "x.db.lock").stat().st_mode) == 0o600


@pytest.mark.parametrize("umask", [0o000, 0o277])
@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite+pysqlite:///{}", "sqlite:///x.db"])
def test_a_new_file_and_those_beside_it_are_for_their_owner_only(tmp_path, monkeypatch, form, umask):
    monkeypatch.chdir(tmp_path)
    before = os.umask(umask)
    try:
        with opened(form.format(tmp_path / "x.db")) as database, database.writing() as connection:
            add(connection, 1)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)

    assert modes == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}


def test_a_file_that_was_opened_to_others_stays_so_and_is_named(tmp_path):
    file = tmp_path / "x.db"
    with opened(f"sqlite:///{file}"):
        file.chmod(0o640)

    with structlog.testing.capture_logs() as logs, opened(f"sqlite:///{file}"):
        pass
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [(line["event"], line["path"]) for line in logs] == [("storage.file_open_to_others", str(file))]


def test_a_path_is_the_same_wherever_the_process_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with opened("sqlite:///x.db") as database:
        monkeypatch.chdir("/")
        with database.writing() as connection:
            add(connection, 1)

    assert database.name == str(tmp_path / "x.db")


@pytest.mark.parametrize("wrong", ["", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "nothing at all"])
def test_a_url_that_cannot_be_used_is_refused(wrong):
    with pytest.raises(BadConfiguration, match="sqlite:////absolute/path or postgresql://"), opened(wrong):
        pass


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "x.db").write_bytes(b"no database at all, but long enough to be one" * 100)

    with (
        pytest.raises(BadConfiguration, match="is damaged, or not a database of ours"),
        opened(f"sqlite:///{tmp_path}/x.db"),
    ):
        pass


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(BadConfiguration, match="cannot be opened"), opened(f"sqlite:///{tmp_path}/no/x.db"):
        pass


def test_a_server_that_is_away_is_unavailable_and_its_password_secret():
    url = "postgresql://user:secret@127.0.0.1:1/x"

    with pytest.raises(Unavailable, match=r"postgresql://127.0.0.1:1/x does not answer") as caught, opened(url):
        pass
    assert "secret" not in str(caught.value)


def test_a_database_that_does_not_exist_is_named(postgres_server):
    with pytest.raises(BadConfiguration, match="does not exist"), opened(postgres_server.url("nobody_made_this")):
        pass


def test_a_connection_in_use_at_the_end_is_closed_when_it_is_given_back(url):
    reading = ExitStack()
    with opened(url) as database:
        held: Any = reading.enter_context(database.reading()).connection.driver_connection
    reading.close()

    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        held.execute("SELECT 1")


def test_a_connection_that_cannot_be_prepared_is_closed(postgres_url):
    connection: Any = psycopg.connect(postgres_url)
    nobody: Any = None
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM nowhere")

    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        _prepare_postgresql(connection, nobody)

    assert connection.closed
