"""How often healthy SMs fail, asked of the fleet itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_model.given import quick

from sentinel_gateway.model.healthy import observed_rate

RESULTS = 570_240
"""Of a GPU with 132 SMs in a day."""


def test_a_fleet_without_failures_says_nothing():
    assert observed_rate(0, 10_000, RESULTS) == 0


@pytest.mark.parametrize(("failing", "others", "results"), [(1, 0, 100), (1, 1, 0)])
def test_nothing_is_said_where_there_is_nobody_to_ask(failing, others, results):
    assert observed_rate(failing, others, results) == 0


def test_the_rate_is_what_makes_so_many_gpus_fail_at_all():
    assert observed_rate(57, 10_000, RESULTS) == pytest.approx(1e-8, rel=0.01)


def test_ten_defective_gpus_of_ten_thousand_hardly_move_it():
    assert observed_rate(57 + 10, 10_000, RESULTS) < 1.2e-8


def test_a_fleet_in_which_all_fail_has_still_a_finite_rate():
    assert 0 < observed_rate(7, 7, RESULTS) < 1e-5


@quick
@given(st.integers(1, 1000), st.integers(0, 1000), st.floats(1, 1e9))
def test_more_failing_gpus_never_mean_a_lower_rate(others, failing, results):
    fewer = min(failing, others)

    assert observed_rate(fewer, others, results) <= observed_rate(others, others, results)
