"""How many GPUs may go without a person: a share, a floor for small fleets, and what the smallest keep."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_model.given import SETTINGS, quick

from sentinel_gateway.model.limits import may_take_out


@pytest.mark.parametrize(
    ("in_use", "limit"), [(0, 0), (1, 0), (3, 0), (4, 1), (7, 1), (8, 2), (400, 2), (600, 3), (10_000, 50)]
)
def test_half_a_per_cent_and_two_of_a_small_fleet_but_no_quarter_of_it(in_use: int, limit: int):
    assert may_take_out(in_use, SETTINGS) == limit


@quick
@given(st.integers(0, 100_000), st.integers(0, 1000), st.floats(0, 1))
def test_neither_floor_nor_share_costs_a_fleet_more_than_a_quarter(in_use: int, least: int, share: float):
    settings = replace(SETTINGS, automatic_least=least, automatic_share=share)

    assert 4 * may_take_out(in_use, settings) <= in_use


def test_a_share_that_somebody_set_stands_above_the_floor():
    assert may_take_out(100, replace(SETTINGS, automatic_share=0.2)) == 20
