"""What is remembered of failing SMs: failures that come together are one burst, and what passed is counted to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_model.given import AES, ERROR, FAIL, FMA, PASS, TENSOR, TIMEOUT, S, failing, quick, trail

from sentinel_gateway.domain.bursts import MAX_BURSTS, WHOLE, extended, without


def test_failures_of_one_sweep_are_one_burst():
    trails = extended({}, [(5, FMA, FAIL, 0), (5, TENSOR, FAIL, 3 * S), (5, FMA, FAIL, 60 * S)])

    assert [(burst.types, burst.failures) for burst in trails[5]] == [(1 << FMA | 1 << TENSOR, 2), (1 << FMA, 1)]


def test_every_failure_counts_for_its_sm_and_for_the_whole_gpu():
    trails = extended({}, [(5, FMA, FAIL, 0), (6, FMA, FAIL, 1)])

    assert sorted(trails) == [WHOLE, 5, 6]
    assert trails[WHOLE][0].failures == 2


@pytest.mark.parametrize("result", [PASS, ERROR, TIMEOUT])
def test_nothing_is_kept_of_an_sm_that_never_failed(result):
    assert extended({}, [(5, FMA, result, 0)]) == {}


@pytest.mark.parametrize("result", [ERROR, TIMEOUT])
def test_errors_and_timeouts_say_nothing(result):
    trails = failing(5, 7)

    assert extended(trails, [(5, FMA, result, 9 * S)]) == trails


def test_a_pass_counts_to_the_burst_before_it_however_late_it_comes():
    trails = extended(failing(5, 0, 0), [(5, FMA, PASS, 30 * S), (5, FMA, PASS, 90 * S), (5, FMA, PASS, 31 * S)])

    assert [burst.passes for burst in trails[5]] == [2, 1]


def test_a_pass_before_all_failures_counts_nowhere():
    trails = extended({5: trail(0)}, [(5, FMA, PASS, -1)])

    assert trails[5][0].passes == 0


def test_passes_of_other_sms_count_for_the_whole_gpu_only():
    trails = extended(failing(5, 0), [(6, FMA, PASS, S)])

    assert (trails[5][0].passes, trails[WHOLE][0].passes) == (0, 1)


def test_only_the_latest_bursts_are_kept():
    trails = extended({}, [(5, FMA, FAIL, n * 60 * S) for n in range(MAX_BURSTS + 5)])

    assert len(trails[5]) == MAX_BURSTS
    assert trails[5][0].time_ns == 5 * 60 * S


def test_what_a_guard_explains_is_dropped_and_its_passes_count_to_the_burst_before():
    kept = without(failing(5, 3, 4, 5), 1 << FMA, since_ns=60 * S)

    assert [(burst.time_ns, burst.passes) for burst in kept[5]] == [(0, 12)]


def test_a_burst_of_a_type_no_guard_explains_is_kept():
    trails = failing(5, 3, types=1 << FMA | 1 << AES)

    assert without(trails, 1 << FMA, 0) == trails


def test_an_sm_all_of_whose_failures_are_explained_is_forgotten():
    assert without(failing(5, 3, 4), 1 << FMA, 0) == {}


SWEEPS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3), st.integers(1, 7)), min_size=1, max_size=40
)
"""Sweep, second within it, SM, probe type."""


@quick
@given(SWEEPS, st.randoms(use_true_random=False))
def test_in_which_order_the_failures_of_sweeps_arrive_does_not_matter(sweeps, random):
    failures = [(sm_id, kind, FAIL, (sweep * 60 + second) * S) for sweep, second, sm_id, kind in sweeps]
    shuffled = random.sample(failures, len(failures))

    one, other = extended({}, failures), extended({}, shuffled)

    def told(trails):
        return {key: [(b.time_ns // (60 * S), b.types, b.failures) for b in own] for key, own in trails.items()}

    assert told(one) == told(other)


@quick
@given(SWEEPS, st.lists(st.tuples(st.integers(0, 3), st.integers(0, 600)), max_size=40), st.randoms())
def test_in_which_order_later_passes_arrive_does_not_matter(sweeps, passes, random):
    trails = extended({}, [(sm_id, kind, FAIL, (sweep * 60 + second) * S) for sweep, second, sm_id, kind in sweeps])
    results = [(sm_id, FMA, PASS, at_s * S) for sm_id, at_s in passes]

    assert extended(trails, results) == extended(trails, random.sample(results, len(results)))
