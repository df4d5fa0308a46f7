"""`sentinel-gateway ledger ...`: what is printed, and the exit codes."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.sentinel_reports.stored import stored
from tests.sentinel_reports.story import story
from typer.testing import CliRunner

from sentinel_gateway.app.ledger_cli import ledger
from sentinel_gateway.ledger.reports.window import NS_PER_DAY
from sentinel_gateway.ledger.retention import Retention, apply_retention
from sentinel_gateway.ledger.writer import LedgerWriter
from sentinel_gateway.storage.database import Database


def run(*arguments: object):
    return CliRunner().invoke(ledger, [str(one) for one in arguments])


def about(ledger_) -> list[str]:
    return ["--database", ledger_.url]


@pytest.fixture
def spoiled(told, tmp_path) -> str:
    """A copy of the ledger in which somebody changed the time of entry 9."""
    with sqlite3.connect(tmp_path / "gateway.db") as copy, sqlite3.connect(told.folder / "gateway.db") as source:
        source.backup(copy)
        copy.execute("UPDATE ledger_entries SET timestamp_ns = timestamp_ns + 1 WHERE entry_id = 9")
    return f"sqlite:///{tmp_path}/gateway.db"


def test_a_sound_ledger_verifies_against_the_checkpoint_beside_it(told):
    found = run("verify", *about(told), "--public-key", told.key_file)

    assert found.exit_code == 0
    assert found.stdout.startswith("valid: 22 entries and 5 signed tree heads")
    assert "held against the checkpoint" in found.stdout


def test_a_key_may_be_given_as_its_text(told):
    found = run("verify", *about(told), "--public-key", told.key.text)

    assert (found.exit_code, "give the operator's" in found.stdout) == (0, False)


@pytest.mark.parametrize("given", ["/nowhere/operator.pub", "sentinel.test/reports+1157568b", "x" * 5000])
def test_what_is_neither_a_key_nor_a_file_is_told_so(told, given):
    found = run("verify", *about(told), "--public-key", given)

    assert found.exit_code == 2
    assert "neither a file nor a key as `sentinel-gateway ledger key` prints it" in found.stderr


def test_verification_says_when_no_key_was_given(told):
    assert "give the operator's with --public-key" in run("verify", *about(told)).stdout


def test_a_changed_entry_is_named_with_what_it_may_mean_and_what_to_do(spoiled):
    found = run("verify", "--database", spoiled)

    assert found.exit_code == 1
    assert "BROKEN: changed at entry 9" in found.stdout
    assert "may mean" in found.stdout
    assert "what to do" in found.stdout


def test_the_same_as_json(spoiled):
    found = run("verify", "--database", spoiled, "--output", "json")

    value = json.loads(found.stdout)
    assert (value["valid"], value["kind"], value["first_invalid_entry_id"]) == (False, "changed", 9)
    assert value["hint"]


def test_a_range_without_roots_is_verified(told):
    found = run("verify", *about(told), "--from", 3, "--to", 12, "--no-roots", "--output", "json")

    assert json.loads(found.stdout)["entries_verified"] == 10


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--database", "sqlite:////nowhere/at/all.db"],
        ["verify", "--database", "nonsense"],
        ["export", "--type", "nonsense"],
        ["report", "soc2", "--start", "2026-11-02", "--end", "2026-11-01"],
        ["report", "soc2", "--start", "yesterday", "--end", "2026-11-01"],
        ["check-proof", "/nowhere", "--public-key", "/nowhere"],
        ["verify", "--export", "/nowhere"],
    ],
)
def test_what_cannot_be_answered_is_one_line_and_exit_code_2(told, arguments):
    found = run(*arguments, *([] if {"--database", "--export", "check-proof"} & set(arguments) else about(told)))

    assert found.exit_code == 2
    assert found.stderr.startswith("sentinel-gateway: ")
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("form", ["jsonl", "csv", "json"])
def test_an_exported_file_verifies_without_a_database(told, tmp_path, form):
    path = tmp_path / "export"
    assert run("export", *about(told), "--format", form, "--out", path).exit_code == 0

    found = run("verify", "--export", path, "--public-key", told.key_file)
    assert found.exit_code == 0
    assert "signed by 'sentinel.test/reports'" in found.stdout


def test_a_selection_says_what_was_not_checked(told, tmp_path):
    path = tmp_path / "export"
    run("export", *about(told), "--gpu", "GPU-a", "--out", path)

    assert "this is a selection" in run("verify", "--export", path).stdout


def test_a_proof_of_an_entry_is_checked_offline(told, tmp_path):
    path = tmp_path / "proof.json"
    run("prove", "inclusion", 8, *about(told), "--out", path)

    found = run("check-proof", path, "--public-key", told.key_file)
    assert (found.exit_code, found.stdout[:24]) == (0, "valid: entry 8 is in the")


def test_a_proof_with_another_entry_is_not_valid(told, tmp_path):
    path = tmp_path / "proof.json"
    run("prove", "inclusion", 8, *about(told), "--out", path)
    path.write_text(path.read_text().replace('"SUSPECT"', '"HEALTHY"').replace("GPU_HEALTH_STATE_SUSPECT", "X"))

    assert run("check-proof", path, "--public-key", told.key_file).exit_code == 1


def test_a_later_ledger_is_proved_to_begin_with_an_earlier_one(told, tmp_path):
    path = tmp_path / "proof.json"
    run("prove", "consistency", 10, *about(told), "--out", path)

    found = run("check-proof", path, "--public-key", told.key_file)
    assert found.stdout.startswith("valid: the ledger 'sentinel.test/reports' of 22 entries begins with the one of 10")


def test_the_checkpoint_is_printed_as_it_was_signed(told):
    assert run("checkpoint", *about(told)).stdout == told.writer.checkpoint.note


@pytest.mark.parametrize("kind", ["soc2", "iso27001"])
@pytest.mark.parametrize("form", ["html", "json", "csv"])
def test_a_report_is_written_to_a_file(told, tmp_path, kind, form):
    path = tmp_path / "report"
    period = ["--start", "2026-11-02", "--end", "2026-11-03"]
    found = run("report", kind, *period, "--format", form, "--out", path, *about(told), "--public-key", told.key_file)

    assert found.exit_code == 0
    assert path.stat().st_size > 10_000


def test_a_report_without_a_period_covers_the_90_days_before_its_end(told):
    found = json.loads(run("report", "soc2", "--end", "2026-11-30", "--format", "json", *about(told)).stdout)
    until_now = run("report", "soc2", "--format", "json", *about(told))

    assert found["window"]["start"] == "2026-09-01T00:00:00Z"
    assert until_now.exit_code == 0


@pytest.mark.parametrize("command", [["export"], ["report", "soc2"], ["prove", "inclusion", 5]])
def test_what_is_no_file_is_never_replaced(told, tmp_path, command):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    found = run(*command, "--out", pipe, *about(told))

    assert (found.exit_code, pipe.is_fifo()) == (2, True)


def test_a_report_on_a_broken_ledger_is_written_and_says_so(spoiled, tmp_path):
    path = tmp_path / "report.json"
    period = ["--start", "2026-11-02", "--end", "2026-11-03"]
    found = run("report", "soc2", *period, "--format", "json", "--out", path, "--database", spoiled)

    assert found.exit_code == 1
    assert json.loads(path.read_text())["findings"][0]["rule"] == "ledger_broken"


def test_a_row_that_is_no_entry_at_all_is_told_by_every_command(spoiled, tmp_path):
    with sqlite3.connect(tmp_path / "gateway.db") as copy:
        copy.execute("UPDATE ledger_entries SET data = 'text', timestamp_ns = 'soon' WHERE entry_id = 9")

    assert run("verify", "--database", spoiled).exit_code == 1
    found = run("export", "--database", spoiled)
    assert (found.exit_code, "entry 9 is damaged" in found.stderr) == (2, True)


def test_a_file_that_cannot_be_written_stays_as_it_was(told, tmp_path):
    path = tmp_path / "missing" / "export"

    found = run("export", *about(told), "--out", path)
    assert (found.exit_code, path.exists()) == (2, False)


def test_pruning_says_first_what_would_go(told):
    assert "nothing to remove" in run("prune", "--older-than", 9999, "--dry-run", *about(told)).stdout


def test_pruning_while_the_gateway_runs_is_refused(tmp_path):
    with stored(f"sqlite:///{tmp_path}/gateway.db", tmp_path, story()) as running:
        found = run("prune", "--older-than", 1, "--database", running.url)

    assert found.exit_code == 2


def gateways_config(folder, origin: str):
    path = folder / "gateway.yaml"
    path.write_text(f"database:\n  url: sqlite:///{folder}/gateway.db\nledger:\n  origin: {origin}\n")
    return path


def test_pruning_removes_what_is_old_and_leaves_a_ledger_that_verifies(tmp_path):
    with stored(f"sqlite:///{tmp_path}/gateway.db", tmp_path, story()) as closed:
        key = closed.key_file
    config = gateways_config(tmp_path, "sentinel.test/reports")

    found = run("prune", "--older-than", 1, "--config", config)
    assert found.exit_code == 0, found.stderr
    assert "removed 22 entries (1 to 22)" in found.stdout
    assert run("verify", "--config", config, "--public-key", key).exit_code == 0


def test_pruning_under_another_name_is_refused(tmp_path):
    with stored(f"sqlite:///{tmp_path}/gateway.db", tmp_path, story()):
        pass

    found = run("prune", "--older-than", 1, "--config", gateways_config(tmp_path, "somebody-else"))
    assert (found.exit_code, "is signed as" in found.stderr) == (2, True)


@pytest.fixture
def shortened(tmp_path):
    """The settings of a ledger whose last two entries were lost."""
    with stored(f"sqlite:///{tmp_path}/gateway.db", tmp_path, story()):
        pass
    with sqlite3.connect(tmp_path / "gateway.db") as database:
        database.execute("DELETE FROM ledger_entries WHERE entry_id > 20")
        database.execute("DELETE FROM ledger_batches WHERE last_entry_id > 20")
    return gateways_config(tmp_path, "sentinel.test/reports")


def test_a_loss_is_accepted_once_on_record_and_then_there_is_none(shortened):
    assert "is on record as entry 21" in run("accept-loss", "--config", shortened, "--yes").stdout
    assert "nothing was lost" in run("accept-loss", "--config", shortened).stdout
    assert run("verify", "--config", shortened).exit_code == 0


def test_what_would_be_accepted_is_shown_and_only_looking_changes_nothing(shortened, tmp_path):
    found = run("accept-loss", "--config", shortened, "--dry-run")

    assert found.exit_code == 0
    for words in (
        f"{tmp_path}/gateway.db, 20 entries",
        f"{tmp_path}/checkpoint, 22 entries, signed 20",
        "entries 21 to 22 are missing",
        "nothing was changed",
    ):
        assert words in found.stdout
    assert run("verify", "--config", shortened).exit_code == 1


def test_where_nobody_can_be_asked_nothing_is_accepted_without_yes(shortened):
    found = run("accept-loss", "--config", shortened)

    assert (found.exit_code, "give --yes" in found.stderr) == (2, True)
    assert run("verify", "--config", shortened).exit_code == 1


@contextmanager
def terminal(answer: str) -> Iterator[int]:
    """The end of a terminal at which somebody has answered already."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    yield theirs
    for end in (ours, theirs):
        os.close(end)


@pytest.mark.slow
def test_a_person_is_asked(shortened):
    arguments = [sys.executable, "-m", "sentinel_gateway", "ledger", "accept-loss", "--config", str(shortened)]

    with terminal("y") as theirs:
        done = subprocess.run(arguments, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours

    assert (done.returncode, "accept this loss for good? [y/N]" in done.stderr) == (0, True), done.stderr
    assert run("verify", "--config", shortened).exit_code == 0


@pytest.mark.parametrize("answer", ["n", ""])
def test_without_a_yes_nothing_is_accepted(shortened, answer, monkeypatch, capsys):
    with terminal(answer) as theirs, open(theirs, closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(SystemExit) as ended:
            ledger(["accept-loss", "--config", str(shortened)])

    assert (ended.value.code, "accept this loss for good? [y/N]" in capsys.readouterr().err) == (1, True)
    assert run("verify", "--config", shortened).exit_code == 1


def test_a_pruned_ledger_is_exported_verified_and_reported(anywhere, tmp_path):
    _cut(anywhere.database, anywhere.writer)
    path = tmp_path / "export"
    run("export", *about(anywhere), "--out", path)
    period = ["--start", "2026-11-02", "--end", "2026-11-03"]
    found = run("report", "soc2", *period, "--format", "json", *about(anywhere))

    assert run("verify", "--export", path, "--public-key", anywhere.key_file).exit_code == 0
    document = json.loads(found.stdout)
    assert (document["ledger_is_complete"], document["integrity"]["valid"]) == (False, True)


def _cut(database: Database, writer: LedgerWriter) -> None:
    assert writer.checkpoint is not None
    later_ns = writer.checkpoint.checkpoint.timestamp_ns + NS_PER_DAY
    with database.writing() as connection:
        assert apply_retention(connection, writer, Retention(max_entries=12), later_ns)
    writer.committed()
