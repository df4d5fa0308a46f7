"""The sequential tests: what failures and passes of an SM add up to."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_model.given import FMA, SETTINGS, S, failing, quick, trail

from sentinel_gateway.domain.bursts import WHOLE, Burst
from sentinel_gateway.model.evidence import GPU_RATES, NO_EVIDENCE, SM_RATES, accused, evidence
from sentinel_gateway.model.healthy import observed_rate

PASSES = st.lists(st.integers(0, 1_000_000), min_size=1, max_size=32)


def test_an_empty_trail_says_nothing():
    assert evidence((), SM_RATES, SETTINGS) is NO_EVIDENCE


def test_one_failure_says_the_logarithm_of_how_much_likelier_a_defect_makes_it():
    assert evidence(trail(0), (0.5,), SETTINGS).nats == pytest.approx(math.log(0.5 / 1e-8))


def test_a_pass_takes_away_the_logarithm_of_how_much_less_likely_a_defect_makes_it():
    before, after = (evidence(trail(passes), (0.05,), SETTINGS).nats for passes in (0, 10))

    assert before - after == pytest.approx(10 * math.log((1 - 1e-8) / 0.95))


def test_two_failures_of_one_sm_are_enough_to_suspect_it_and_three_to_quarantine_it():
    two, three = evidence(trail(0, 0), SM_RATES, SETTINGS), evidence(trail(0, 0, 0), SM_RATES, SETTINGS)

    assert two.nats >= SETTINGS.suspect_nats
    assert two.proven_nats == 0
    assert three.proven_nats >= SETTINGS.quarantine_nats


def test_failures_a_day_apart_are_enough_after_four():
    found = evidence(trail(4320, 4320, 4320, 4320), SM_RATES, SETTINGS)

    assert found.proven_nats >= SETTINGS.quarantine_nats
    assert found.rate == 0.0005


def test_a_third_failure_long_after_two_begins_anew():
    forgotten = evidence(trail(0, 10_000_000, 0), SM_RATES, SETTINGS)

    assert forgotten.proven_nats == 0
    assert forgotten.nats < SETTINGS.suspect_nats


def test_what_was_proven_stays_proven_until_passes_took_all_of_it_back():
    later, never = (evidence(trail(0, 0, passes), SM_RATES, SETTINGS) for passes in (500, 10**9))

    assert later.proven_nats >= SETTINGS.quarantine_nats
    assert (never.proven_nats, never.nats, never.row) == (0, 0, 0)


def test_the_row_is_of_bursts_since_the_last_time_nothing_was_left():
    assert evidence(trail(0, 10**9, 0, 0), SM_RATES, SETTINGS).row == 2


@pytest.mark.parametrize("rate", [0.005, 0.05, 0.5, 2.0])
def test_a_defect_hardly_worse_than_healthy_sms_is_not_asked_for(rate):
    settings = replace(SETTINGS, healthy_failure_rate=rate)

    found = evidence(trail(0, 0, 0, 10**6), (rate / 5, rate, 10 * rate), settings)

    assert (found.nats, found.proven_nats, found.bursts, found.passes_since) == (0, 0, 4, 10**6)


def test_the_worst_sm_is_accused_when_it_has_half_of_the_failures():
    trails = {5: trail(0, 0, 0), 6: trail(0), WHOLE: trail(0, 0, 0, 0)}

    assert accused(trails, SETTINGS).sm_id == 5


def test_the_gpu_is_accused_when_its_failures_are_spread():
    trails = {**{sm_id: trail(0) for sm_id in range(4)}, WHOLE: trail(0, 0, 0, 0)}

    assert accused(trails, SETTINGS).sm_id is None


def test_the_gpu_is_accused_when_all_sms_fail():
    wide = tuple(Burst(n * 60 * S, 1 << FMA, 132, 0) for n in range(3))

    assert accused({**{sm_id: trail(0, 0, 0) for sm_id in range(132)}, WHOLE: wide}, SETTINGS).sm_id is None


@quick
@given(PASSES, st.integers(0, 1_000_000), st.data())
def test_passes_never_raise_evidence(passes, more, data):
    place = data.draw(st.integers(0, len(passes) - 1))
    watched = [count + more if n == place else count for n, count in enumerate(passes)]

    fewer, greater = (evidence(trail(*one), SM_RATES, SETTINGS) for one in (passes, watched))

    assert greater.nats <= fewer.nats
    assert greater.proven_nats <= fewer.proven_nats


RATES = st.one_of(
    st.floats(1e-12, 0.001),
    st.builds(observed_rate, st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0, 1e9)).filter(bool),
)


@quick
@given(PASSES, st.integers(1, 1_000_000), st.data(), RATES, st.sampled_from([SM_RATES, GPU_RATES]))
def test_passes_never_raise_evidence_whatever_healthy_sms_are_believed_to_do(passes, more, data, rate, tests):
    settings = replace(SETTINGS, healthy_failure_rate=rate)
    place = data.draw(st.integers(0, len(passes) - 1))
    watched = [count + more if n == place else count for n, count in enumerate(passes)]

    fewer, greater = (evidence(trail(*one), tests, settings) for one in (passes, watched))

    assert 0 <= greater.nats <= fewer.nats
    assert 0 <= greater.proven_nats <= fewer.proven_nats


@quick
@given(PASSES)
def test_a_failure_never_lowers_evidence(passes):
    before, after = (evidence(trail(*one), GPU_RATES, SETTINGS) for one in (passes, [*passes, 0]))

    assert after.nats >= before.nats
    assert after.proven_nats >= before.proven_nats


@quick
@given(PASSES, st.floats(1e-9, 1e-6), st.floats(1.0, 10.0))
def test_the_more_often_healthy_sms_fail_the_less_a_failure_says(passes, rate, factor):
    one, other = (replace(SETTINGS, healthy_failure_rate=chance) for chance in (rate, rate * factor))

    assert evidence(trail(*passes), SM_RATES, other).nats <= evidence(trail(*passes), SM_RATES, one).nats + 1e-9


@quick
@given(st.integers(0, 131), PASSES)
def test_a_single_failing_sm_is_named(sm_id, passes):
    assert accused(failing(sm_id, *passes), SETTINGS).sm_id == sm_id
