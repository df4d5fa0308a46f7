"""Two runs are compared case by case; what luck would give is said, and what was lost is named with its reason."""

from __future__ import annotations

import json

import pytest

from gcm_sentinel.app.eval_comparing import Ask, compare_command
from gcm_sentinel.app.eval_results import Run, write
from gcm_sentinel.app.exits import Exit
from gcm_sentinel.domain.errors import BadConfiguration
from gcm_sentinel.evals.comparison import compare

WRONG = {"p_root_cause": 0, "m_fault_class": "gsp_hang", "m_right": False}


@pytest.fixture
def ask(tmp_path, case):
    """Writes two runs and asks to compare them."""

    def make(before, now, *, suites=({}, {}), **how):
        paths = (tmp_path / "a.json", tmp_path / "b.json")
        for path, records, suite in zip(paths, (before, now), suites, strict=True):
            write(
                path, Run({"engine": "playbook", "scenarios": suite}, "2026-11-20T03:00", tuple(records), len(records))
            )
        return Ask(*paths, **how)

    return make


def test_only_cases_of_both_runs_are_compared(case):
    found = compare([case("a"), case("b"), case("old")], [case("a"), case("b", **WRONG), case("new")], seed=1)

    assert (found.pairs, found.passed_before, found.passed_now) == (2, 2, 1)
    assert [key[0] for key in found.only_before + found.only_now] == ["old", "new"]


def test_a_case_is_the_same_by_scenario_variant_seed_and_missing_sources(case):
    before = [case("a"), case("a", 2), case("a", variant="v"), case("a", without=("dcgm",))]

    assert compare(before, list(reversed(before)), seed=1).pairs == 4


def test_a_lost_case_says_why(case):
    found = compare([case("a")], [case("a", **WRONG, p_forbidden=("recommended rma",))], seed=1)

    (lost,) = found.lost
    assert (lost.before, lost.now) == (100, 70)
    assert lost.why == ("gpu_off_bus became gsp_hang", "root cause 30 to 0", "now recommended rma")


def test_a_case_that_could_not_be_run_any_more_is_lost_with_its_error(case, broken):
    (lost,) = compare([case("a")], [broken("a")], seed=1).lost

    assert lost.why[0] == "now not run: it broke"


def test_the_tests_are_over_cases_and_over_scenarios(case):
    """Ten cases of two scenarios turn for the worse: many by cases, few by scenarios."""
    before = [case(name, seed) for name in "ab" for seed in range(1, 6)]
    now = [case(name, seed, **WRONG) for name in "ab" for seed in range(1, 6)]

    tests = compare(before, now, seed=1).tests

    assert tests.mcnemar_p == pytest.approx(2 / 1024)
    assert tests.sign_p == pytest.approx(0.5)
    assert (tests.score.mean, tests.score.low, tests.score.high) == (-30, -30, -30)


def test_it_ends_well_unless_it_is_required_that_nothing_is_worse(ask, case, capsys):
    before, now = [case("a"), case("b")], [case("a"), case("b", **WRONG)]

    assert compare_command(ask(before, now)) is Exit.OK
    assert compare_command(ask(before, now, require_no_worse=True)) is Exit.UNMET
    assert compare_command(ask(now, before, require_no_worse=True)) is Exit.OK
    assert "b seed 1: 100 to 70 (gpu_off_bus became gsp_hang; root cause 30 to 0)" in capsys.readouterr().out


def test_missing_cases_are_worse_than_none(ask, case):
    assert compare_command(ask([case("a"), case("b")], [case("a")], require_no_worse=True)) is Exit.UNMET


def test_scenarios_that_differ_are_no_pairs(ask, case, capsys):
    suites = ({"a": "1", "b": "1"}, {"a": "2", "b": "1"})

    with pytest.raises(BadConfiguration, match=r"1 scenarios are not the same in both runs \(a\)"):
        compare_command(ask([case("a")], [case("a")], suites=suites))
    assert compare_command(ask([case("a")], [case("a")], suites=suites, across_suites=True)) is Exit.OK
    assert "note: scenarios that differ: a" in capsys.readouterr().out


def test_a_script_reads_it_as_json(ask, case, capsys):
    compare_command(ask([case("a")], [case("a", **WRONG)], json=True))

    told = json.loads(capsys.readouterr().out)
    assert (told["pairs"], told["passed"], told["lost"][0]["case"]) == (1, {"before": 1, "now": 0}, "a seed 1")
    assert (told["worse"], told["pairs_not_run"]) == (["1 fewer cases pass"], 0)


def lower(case, scenarios):
    """A run over some scenarios, and one in which each has a point less."""
    names = [f"s{number}" for number in range(scenarios)]
    return [case(name) for name in names], [case(name, p_evidence=14) for name in names]


@pytest.mark.parametrize(("scenarios", "worse"), [(1, ()), (5, ()), (6, ("the score is lower, by more than luck",))])
def test_a_lower_score_of_few_scenarios_may_be_luck(case, scenarios, worse):
    """Five of five are p = 0.06 by the sign test, six of six 0.03; the interval is a point each time."""
    assert compare(*lower(case, scenarios), seed=1).worse == worse


def test_an_outage_is_in_none_of_the_tests(ask, case, broken, capsys):
    names = [f"s{number}" for number in range(8)]
    before, now = [broken(name) for name in names], [case(name) for name in names]

    found = compare([*before, case("ran")], [*now, case("ran")], seed=1)
    compare_command(ask(before, now))

    assert (found.unrun, len(found.gained)) == (8, 8)
    assert (found.tests.mcnemar_p, found.tests.sign_p, found.tests.score.mean) == (1, 1, 0)
    assert "in none of the tests: 8 cases that could not be run before, or now" in capsys.readouterr().out
