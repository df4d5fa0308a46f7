"""`eval` runs the suite; its subcommands read what runs have left, and need neither model nor world."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gcm_sentinel.app.cli import cli
from gcm_sentinel.app.eval_journal import Journal
from gcm_sentinel.app.eval_results import Run, write
from gcm_sentinel.domain.errors import BadConfiguration


@pytest.fixture
def eval_():
    """Runs `gcm-sentinel eval …` here; an error is raised as it is."""
    return lambda *args: CliRunner().invoke(cli, ["eval", *map(str, args)], catch_exceptions=False)


@pytest.fixture
def results(tmp_path, case):
    def make(name, *records):
        write(tmp_path / name, Run({"engine": "playbook"}, "2026-11-20T03:00", records, len(records), 2.0))
        return tmp_path / name

    return make


def test_the_figures_of_a_run_are_told_again(eval_, results, case):
    done = eval_("scorecard", results("r.json", case("a"), case("b", p_root_cause=0, section="B")))

    assert done.exit_code == 0
    assert "passed 1/2 = 50.0% (95 % Wilson 9.5% to 90.5%)" in done.stdout
    assert "whole run 2.0 s" in done.stdout


def test_the_figures_of_a_run_are_read_by_scripts(eval_, results, case):
    done = eval_("scorecard", results("r.json", case("a")), "--json")

    assert json.loads(done.stdout)["calibration"]["brier"] == pytest.approx(0.01)


def test_a_run_that_has_not_ended_is_shown_as_far_as_it_goes(eval_, tmp_path, case):
    with Journal.begin(tmp_path / "r.json.journal", {"engine": "playbook"}, 5) as journal:
        journal.add(case("a"))

    done = eval_("scorecard", tmp_path / "r.json.journal", "--html", tmp_path / "r.html")

    assert "the run did not end: 4 of 5 cases are missing" in done.stdout
    assert "4 of 5 cases are missing" in (tmp_path / "r.html").read_text()


def test_where_nothing_was_counted_no_figure_is_told(eval_, tmp_path, results, broken):
    Journal.begin(tmp_path / "r.json.journal", {"engine": "playbook"}, 5).close()

    empty = eval_("scorecard", tmp_path / "r.json.journal").stdout
    unrun = results("b.json", broken("b"))

    assert empty.startswith("no case is done: there are no figures\nthe run did not end: 5 of 5")
    assert (
        "confidence: no such answer; nothing at fault and left alone no such case" in eval_("scorecard", unrun).stdout
    )
    assert json.loads(eval_("scorecard", unrun, "--json").stdout)["calibration"]["brier"] is None


def test_a_run_compared_with_itself_is_told_so(eval_, results, case):
    one, other = results("a.json", case("a")), results("b.json", case("a", p_evidence=14))

    assert "note: both files hold the same run" in eval_("compare", one, one).stdout
    assert "the same run" not in eval_("compare", one, other).stdout


def test_a_worse_run_fails_where_it_must_not_be_worse(eval_, results, case):
    before, now = results("a.json", case("a")), results("b.json", case("a", p_root_cause=0))

    assert eval_("compare", before, now).exit_code == 0
    assert eval_("compare", before, now, "--require-no-worse").exit_code == 1
    assert eval_("compare", now, before, "--require-no-worse").exit_code == 0


def test_the_closed_lists_are_printed_without_a_run(eval_):
    assert "gpu_off_bus" in eval_("--list-classes").stdout


def test_an_unknown_source_is_refused_before_anything_runs(eval_):
    with pytest.raises(BadConfiguration, match="--without: no data source 'dgcm'"):
        eval_("--without", "dgcm", "--scenario", "one-off-109")
