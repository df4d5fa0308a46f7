"""The statistics are those of the literature, checked against its own numbers or by hand."""

from __future__ import annotations

import pytest

from gcm_sentinel.evals.calibration import calibration
from gcm_sentinel.evals.clustered import share_of
from gcm_sentinel.evals.paired import bootstrap, mcnemar_p, sign_p
from gcm_sentinel.evals.statistics import quantile, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_that_of_newcombes_table(successes, trials, low, high):
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    share = wilson(successes, trials)

    assert (round(share.low, 4), round(share.high, 4)) == (low, high)


def test_seeds_of_one_scenario_are_not_so_many_cases():
    """Five scenarios pass with all ten seeds, five with none: known as well as five of ten, not as fifty of 100."""
    tries = [(f"s{number}", number < 5) for number in range(10) for _ in range(10)]

    cases, scenarios = share_of(tries, clustered=False), share_of(tries, clustered=True)

    assert (scenarios.successes, scenarios.trials, scenarios.by_scenario) == (50, 100, True)
    assert cases.high - cases.low < 0.2
    assert scenarios.low == pytest.approx(0.2)
    assert scenarios.high == pytest.approx(0.8)


def test_where_all_seeds_pass_each_scenario_counts_once():
    share = share_of([(f"s{number}", True) for number in range(10) for _ in range(5)], clustered=True)

    assert (round(share.low, 4), share.high) == (round(wilson(10, 10).low, 4), 1.0)


@pytest.mark.parametrize(
    ("lost", "gained", "p"),
    [(0, 0, 1.0), (1, 9, 22 / 1024), (9, 1, 22 / 1024), (0, 5, 2 / 32), (5, 5, 1.0), (6, 0, 2 / 64)],
)
def test_mcnemars_test_is_exact(lost, gained, p):
    assert mcnemar_p(lost, gained) == pytest.approx(p)


def test_ties_do_not_count_in_a_sign_test():
    assert sign_p([0.0, 0.0, 2.0, 3.0, 1.0, -1.0]) == pytest.approx(2 * 5 / 16)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([4, 1, 3, 2], 0.5, 2.5), ([1, 2, 3, 4], 0.95, 3.85), ([7], 0.95, 7), ([], 0.5, 0), ([1, 2], 1.0, 2)],
)
def test_a_quantile_lies_between_its_neighbours(values, share, expected):
    assert quantile(values, share) == pytest.approx(expected)


def test_the_brier_score_is_the_mean_squared_distance():
    found = calibration([(0.9, True), (0.8, False), (0.6, True)])

    assert found.brier == pytest.approx((0.01 + 0.64 + 0.16) / 3)


def test_the_calibration_error_weighs_each_bin_by_its_answers():
    """0.9 was right two times in three, 0.3 never: 3/4 of 0.2333 and 1/4 of 0.3."""
    found = calibration([(0.9, True), (0.9, True), (0.9, False), (0.3, False)])

    assert found.error == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.3)
    assert [(item.low, item.right.successes, item.right.trials) for item in found.bins] == [(0.3, 0, 1), (0.9, 2, 3)]


def test_certainty_has_a_bin():
    (only,) = calibration([(1.0, True)]).bins

    assert (only.low, only.high, only.confidence) == (0.9, 1.0, 1.0)


def test_no_answers_have_no_calibration():
    assert calibration([]).bins == ()


def test_groups_are_drawn_whole():
    """Two groups: every mean is that of the one, of the other, or of both alike, so the interval is all of it."""
    found = bootstrap({"a": [10.0] * 50, "b": [0.0] * 50}, seed=1, resamples=400)

    assert (found.mean, found.low, found.high) == (5.0, 0.0, 10.0)


def test_the_same_seed_draws_the_same_interval():
    groups = {name: [float(place)] for place, name in enumerate("abcdefgh")}

    assert bootstrap(groups, seed=7, resamples=200) == bootstrap(groups, seed=7, resamples=200)
    assert bootstrap(groups, seed=7, resamples=200) != bootstrap(groups, seed=8, resamples=200)
