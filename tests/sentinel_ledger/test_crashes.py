"""A writer killed at any moment, a log cut at any byte: what was acknowledged is there, or its loss is told."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.sentinel_ledger.book import Book, book_on_postgresql_when_slow, new_entries, opened

from sentinel_gateway.domain.errors import BadConfiguration
from sentinel_gateway.ledger.scope import Scope
from sentinel_sdk.ledger.checkpoint import read_note
from sentinel_sdk.ledger.verification import FaultKind

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def acknowledged_until_killed(url: str, folder: Path, batches: int, more_bytes: int) -> int:
    """Kill a writer some time after it acknowledged `batches`; the last entry that it acknowledged."""
    command = [sys.executable, "-m", "tests.sentinel_ledger.killed_writer", url, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(batches)]
        # The pipe gives no line for a while of unknown length; killing now lands anywhere in the next batches.
        sum(random.Random(more_bytes).random() for _ in range(more_bytes))  # noqa: S311 - a delay without sleeping
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    return int([line for line in lines if line.endswith(b"\n")][-1])


@book_on_postgresql_when_slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 20))])
def test_a_killed_writer_loses_nothing_it_acknowledged(url, tmp_path, seed):
    pace = random.Random(seed)  # noqa: S311 - to vary the moment
    acknowledged = 0
    for _ in range(1 + seed % 3):
        acknowledged = acknowledged_until_killed(url, tmp_path, pace.randint(1, 20), pace.randint(0, 100_000))
        with opened(url, tmp_path) as book:
            found = book.verify(Scope(expected_note=book.checkpoint_path.read_text()))
            assert (found.valid, found.description) == (True, "")
            assert found.entries_verified >= acknowledged
            with book.writing() as writer:
                book.append(writer, new_entries(1))
            assert book.verify().valid


def log_of_last_batch(folder: Path) -> tuple[bytes, int]:
    """The write-ahead log of a ledger with two batches of which the second is only there; its length before that."""
    with opened(f"sqlite:///{folder}/ledger.db", folder) as book, book.writing() as writer:
        book.append(writer, new_entries(2))
        before = (folder / "ledger.db-wal").stat().st_size
        shutil.copy(folder / "checkpoint", folder / "checkpoint.before")
        book.append(writer, new_entries(2, 3))
        shutil.copy(folder / "ledger.db", folder / "frozen.db")
        return (folder / "ledger.db-wal").read_bytes(), before


def restored(folder: Path, log: bytes, place: Path) -> str:
    """The database as it was, with this log."""
    place.mkdir(exist_ok=True)
    shutil.copy(folder / "frozen.db", place / "ledger.db")
    shutil.copy(folder / "key.pem", place / "key.pem")
    (place / "ledger.db-shm").unlink(missing_ok=True)
    (place / "ledger.db-wal").write_bytes(log)
    return f"sqlite:///{place}/ledger.db"


def cuts(log: bytes, before: int, count: int) -> list[int]:
    """Places to cut: around every page, and some in between."""
    frame = 4096 + 24
    edges = {before + frame * n + d for n in range((len(log) - before) // frame + 1) for d in (0, 1)}
    chosen = random.Random(7).sample(range(before, len(log)), count)  # noqa: S311 - places, not secrets
    return sorted(place for place in {*edges, *chosen} if before <= place < len(log))


def check_cut(folder: Path, place: Path, log: bytes, cut: int) -> None:
    """The last batch is gone as a whole: a loss to the checkpoint file of after it, none to the one of before."""
    url = restored(folder, log[:cut], place)
    shutil.copy(folder / "checkpoint", place / "checkpoint")
    with opened(url, place) as book:
        found = book.verify(Scope(expected_note=book.checkpoint_path.read_text()))
        assert (found.kind, found.first_invalid_entry_id) == (FaultKind.TRUNCATED, 3)
        with pytest.raises(BadConfiguration, match="entries 3 to 4 are missing"):
            book.fill(1)
        shutil.copy(folder / "checkpoint.before", place / "checkpoint")
        book.fill(1)
        assert (book.verify().valid, book.verify().entries_verified) == (True, 3)


def test_a_log_cut_within_the_last_batch_is_a_loss_that_is_told(tmp_path):
    log, before = log_of_last_batch(tmp_path)

    for cut in cuts(log, before, 4):
        check_cut(tmp_path, tmp_path / "cut", log, cut)


@pytest.mark.timeout(900)
def test_a_log_cut_at_every_byte_of_the_last_batch(tmp_path):
    log, before = log_of_last_batch(tmp_path)

    for cut in range(before, len(log)):
        url = restored(tmp_path, log[:cut], tmp_path / "cut")
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as bare:
            tables = ("ledger_entries", "ledger_batches")
            counts = [bare.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]  # noqa: S608 - ours
        assert counts == [2, 1]
    for cut in range(before, len(log), 499):
        check_cut(tmp_path, tmp_path / "cut", log, cut)


def test_a_whole_log_is_all_there(tmp_path):
    log, _ = log_of_last_batch(tmp_path)
    shutil.copy(tmp_path / "checkpoint", tmp_path / "kept")
    url = restored(tmp_path, log, tmp_path / "whole")
    shutil.copy(tmp_path / "kept", tmp_path / "whole" / "checkpoint")

    with opened(url, tmp_path / "whole") as book:
        book.fill(1)

        assert book.verify().entries_verified == 5
        assert read_note(Book(book.database, book.folder).checkpoint_path.read_text()).checkpoint.tree_size == 5
