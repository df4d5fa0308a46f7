"""Which checkpoint outside the database a ledger is held against, and what becomes of a folder of another database."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from tests.sentinel_gateway.driving import settings
from tests.sentinel_ledger.book import new_entries
from tests.sentinel_ledger.book import opened as book_at
from typer.testing import CliRunner, Result

from sentinel_gateway.app.cli import cli
from sentinel_gateway.app.ledger_place import Place
from sentinel_gateway.app.opened import Opened, open_stores
from sentinel_gateway.app.places import Places, places_of
from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.storage.database import Database

EMPTY = "DELETE FROM ledger_entries; DELETE FROM ledger_batches; DELETE FROM ledger_keys; DELETE FROM ledger_nodes;"
OTHER_IDENTITY = """
    UPDATE ledger_identity SET database_id = hex(zeroblob(16));
    DELETE FROM ledger_entries WHERE entry_id > 2;
    DELETE FROM ledger_batches WHERE last_entry_id > 2;
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder that the settings name."""
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setenv("SENTINEL_GATEWAY__DATABASE__STATE_DIR", str(folder))
    return folder


def filled(url: str, folder: Path) -> str:
    """A ledger of three entries in the database at `url`, its files in `folder`."""
    with book_at(url, folder) as book, book.writing() as writer:
        book.append(writer, new_entries(2))
        book.append(writer, new_entries(1, 3))
    return url


def verified(*options: str) -> str:
    """What `ledger verify` says."""
    found = CliRunner().invoke(cli, ["ledger", "verify", *options])
    assert found.exit_code == 0, found.output
    return found.stdout


def test_the_settings_checkpoint_counts_for_a_database_that_is_named(state, postgres_url):
    filled(postgres_url, state)

    told = verified("--database", postgres_url)

    assert f"held against the checkpoint in {state}/checkpoint, which is of this database" in told


def test_it_does_not_count_for_another_database(state, postgres_url, tmp_path):
    filled(f"sqlite:///{tmp_path}/one.db", state)
    (tmp_path / "other").mkdir()
    filled(postgres_url, tmp_path / "other")

    told = verified("--database", postgres_url)

    assert f"{state}/checkpoint is of another database, {tmp_path}/one.db (identity" in told
    assert "was not used: entries missing at the end would not be noticed" in told


def test_beside_an_sqlite_file_that_is_named_its_own_is_found(state, tmp_path):
    filled(f"sqlite:///{tmp_path}/one.db", state)
    (tmp_path / "other").mkdir()
    url = filled(f"sqlite:///{tmp_path}/other/gateway.db", tmp_path / "other")

    assert f"held against the checkpoint in {tmp_path}/other/checkpoint" in verified("--database", url)


def test_where_there_is_none_that_is_said_and_no_folder_is_made(tmp_path, monkeypatch, postgres_url):
    (tmp_path / "other").mkdir()
    filled(postgres_url, tmp_path / "other")
    monkeypatch.setenv("SENTINEL_GATEWAY__DATABASE__STATE_DIR", str(tmp_path / "none"))

    assert "no checkpoint from outside the database" in verified("--database", postgres_url)
    assert not (tmp_path / "none").exists()


def test_another_database_takes_a_folder_over_only_when_told_to(state, postgres_url):
    mine, theirs = (places_of(settings(state, {"database": {"url": url}})) for url in ("", postgres_url))
    with _opened(mine) as opened:
        with opened.database.writing() as connection:
            opened.writer.append(connection, new_entries(3))
        opened.writer.committed()
    with pytest.raises(BadConfiguration, match="a state folder of its own"), _opened(theirs):
        pass

    accepted = CliRunner().invoke(cli, ["ledger", "accept-loss", "--database", postgres_url, "--yes"])

    assert "what was accepted is on record as entry 1" in accepted.stdout
    assert f"all 3 entries of another database, {state}/gateway.db" in accepted.stderr
    assert Place(postgres_url).anchor().note is not None
    with _opened(theirs) as opened:
        assert opened.writer.size == 1


def _own(state: Path, spoil: str) -> Result:
    """What `ledger verify` says of the settings' own database after `spoil`."""
    filled(f"sqlite:///{state}/gateway.db", state)
    with closing(sqlite3.connect(state / "gateway.db")) as database, database:
        database.executescript(spoil)
    return CliRunner().invoke(cli, ["ledger", "verify"])


def test_a_changed_identity_takes_no_database_from_its_checkpoint(state):
    found = _own(state, OTHER_IDENTITY)

    assert (found.exit_code, "BROKEN: truncated" in found.stdout) == (1, True), found.output
    assert f"{state}/checkpoint, though that was written for {state}/gateway.db" in found.stdout


def test_an_emptied_database_is_held_against_its_checkpoint(state):
    found = _own(state, EMPTY)

    assert (found.exit_code, "BROKEN: truncated at entry 1" in found.stdout) == (1, True), found.output


def test_a_database_that_was_made_anew_is_held_against_the_checkpoint_of_the_one_before(state):
    filled(f"sqlite:///{state}/gateway.db", state)
    for file in state.glob("gateway.db*"):
        file.unlink()
    with Database.open(f"sqlite:///{state}/gateway.db"):
        pass

    found = CliRunner().invoke(cli, ["ledger", "verify"])

    assert (found.exit_code, "BROKEN: truncated at entry 1" in found.stdout) == (1, True), found.output


def test_a_database_made_anew_with_another_key_says_what_happened(state, tmp_path):
    filled(f"sqlite:///{state}/gateway.db", state)
    for file in state.glob("gateway.db*"):
        file.unlink()
    (tmp_path / "other").mkdir()
    filled(f"sqlite:///{state}/gateway.db", tmp_path / "other")

    found = CliRunner().invoke(cli, ["ledger", "verify"])

    assert (found.exit_code, "BROKEN: truncated at entry 1" in found.stdout) == (1, True), found.output
    assert "made anew with another signing key" in found.stdout
    assert "`sentinel-gateway ledger accept-loss`" in found.stdout


def _opened(places: Places) -> AbstractContextManager[Opened]:
    return open_stores(places, "sentinel-gateway", lambda: 1)
