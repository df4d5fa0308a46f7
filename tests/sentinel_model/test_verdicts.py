"""What is done about a GPU: suspect, quarantine, propose, clear; with which confidence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_model.given import FMA, SETTINGS, TENSOR, H, S, anomaly, case, dissent, failing, quick, trail

from sentinel_gateway.domain.bursts import WHOLE, Burst
from sentinel_gateway.domain.health import HealthState
from sentinel_gateway.model.evidence import accused
from sentinel_gateway.model.verdicts import NOTHING, Step, Surroundings, confidence, verdict
from sentinel_gateway.model.weighing import weigh

ALONE = Surroundings()
ALL_SMS = {**{n: trail(0, 0, 0) for n in range(132)}, WHOLE: tuple(Burst(n * 60 * S, 2, 132, 0) for n in range(3))}
ANOMALIES = tuple(anomaly(0, str(n)) for n in range(20))


def _step(one, around=ALONE, now_ns=0):
    return verdict(one, around, now_ns, SETTINGS).step


@pytest.mark.parametrize(
    ("sweeps", "step"), [(0, Step.NOTHING), (1, Step.NOTHING), (2, Step.SUSPECT), (3, Step.QUARANTINE)]
)
def test_a_dead_sm_is_suspected_after_two_sweeps_and_taken_out_after_three(sweeps, step):
    assert _step(case(failing(7, *[5] * sweeps) if sweeps else {})) is step


def test_the_sm_and_the_reason_are_named():
    found = verdict(case(failing(7, 0, 0, 0)), ALONE, 0, SETTINGS)

    assert (found.sm_id, found.reason) == (7, "SM 7 failed in 3 sweeps of FMA (53.2 nats of evidence)")


@pytest.mark.parametrize("state", [HealthState.QUARANTINED, HealthState.DEEP_TEST, HealthState.CONDEMNED])
def test_a_gpu_that_is_out_is_not_judged(state):
    assert verdict(case(failing(7, 0, 0, 0), state=state), ALONE, 0, SETTINGS) is NOTHING


def test_anomalies_alone_make_a_gpu_suspect_and_never_more():
    assert _step(case({}, *ANOMALIES)) is Step.SUSPECT


def test_anomalies_and_a_failed_probe_agree_when_it_fails_again():
    assert _step(case(failing(7, 0), *ANOMALIES)) is Step.SUSPECT
    assert _step(case(failing(7, 0, 0), *ANOMALIES)) is Step.QUARANTINE


def test_a_failure_long_ago_does_not_make_it_again():
    assert _step(case(failing(7, 10**9, 0), *ANOMALIES)) is Step.SUSPECT


def test_a_dissent_and_a_failed_probe_agree_as_long_as_the_failure_is_not_forgotten():
    signs = (*ANOMALIES, dissent(0, "a", "b"))

    assert _step(case(failing(7, 0), *signs)) is Step.QUARANTINE
    assert _step(case(failing(7, 10**9), *signs)) is Step.SUSPECT


def test_what_was_proven_and_then_taken_back_needs_more_than_one_new_failure():
    assert _step(case(failing(7, 3, 3, 10**8, 0))) is Step.NOTHING


@pytest.mark.parametrize("rate", [1e-4, 1e-3])
def test_where_healthy_sms_are_believed_to_fail_often_a_few_failures_in_days_accuse_nobody(rate):
    spread = {**{n: trail(9000) for n in range(3)}, WHOLE: trail(*[1_200_000] * 3)}

    settings = replace(SETTINGS, healthy_failure_rate=rate)
    assert verdict(case(spread), ALONE, 0, settings).step is Step.NOTHING
    assert _step(case(spread), Surroundings(failure_rate=rate)) is Step.NOTHING


def test_a_dissent_makes_suspect_and_one_with_other_partners_confirms_it():
    assert _step(case({}, dissent(0, "a", "b"))) is Step.SUSPECT
    assert _step(case({}, dissent(0, "a", "b"), dissent(1, "a", "c"))) is not Step.QUARANTINE
    assert _step(case({}, dissent(0, "a", "b"), dissent(1, "c", "d"))) is Step.QUARANTINE


@pytest.mark.parametrize(
    "around", [Surroundings(host_fails=True), Surroundings(room=False)], ids=["host fails", "no room"]
)
def test_a_doubt_makes_it_a_proposal(around):
    assert _step(case(failing(7, 0, 0, 0)), around) is Step.PROPOSE


def test_a_gpu_all_of_whose_sms_fail_is_taken_out_where_a_neighbour_passes():
    assert _step(case(ALL_SMS)) is Step.QUARANTINE
    assert _step(case(ALL_SMS), Surroundings(peers_pass=False)) is Step.PROPOSE


def test_sms_are_counted_over_all_sweeps_where_each_visits_a_quarter_of_them():
    quarters = {n: (Burst(n % 4 * 60 * S, 2, 1, 0),) for n in range(132)}
    whole = tuple(Burst(n * 60 * S, 2, 33, 0) for n in range(4))

    assert _step(case({**quarters, WHOLE: whole}), Surroundings(peers_pass=False)) is Step.PROPOSE
    assert _step(case({**quarters, WHOLE: whole})) is Step.QUARANTINE


@pytest.mark.parametrize(("sms", "step"), [(32, Step.QUARANTINE), (33, Step.PROPOSE)])
def test_a_quarter_of_the_sms_is_many(sms, step):
    some = {n: trail(0, 0, 0) for n in range(sms)}
    whole = tuple(Burst(n * 60 * S, 2, sms, 0) for n in range(3))

    assert _step(case({**some, WHOLE: whole}), Surroundings(peers_pass=False)) is step


def test_a_single_sm_needs_no_neighbour():
    assert _step(case(failing(7, 0, 0, 0)), Surroundings(peers_pass=False)) is Step.QUARANTINE


def test_a_fleet_that_fails_often_by_itself_raises_what_is_needed():
    spread = {**{n: trail(0) for n in range(5)}, WHOLE: trail(*[3000] * 5)}

    assert _step(case(spread)) is Step.QUARANTINE
    assert _step(case(spread), Surroundings(failure_rate=1e-5)) is Step.NOTHING


def test_a_suspect_is_cleared_after_an_hour_and_a_thousand_passes():
    suspect = case(failing(7, 1000), state=HealthState.SUSPECT)

    assert _step(suspect, now_ns=H - 1) is Step.NOTHING
    assert _step(suspect, now_ns=H) is Step.CLEAR
    assert _step(case(failing(7, 999), state=HealthState.SUSPECT), now_ns=H) is Step.NOTHING


def test_where_failures_are_spread_every_sm_must_pass_a_thousand_times():
    trails = {**{n: trail(0) for n in range(3)}, WHOLE: trail(10**6, 10**6, 131_999)}

    assert _step(case(trails, state=HealthState.SUSPECT), now_ns=H) is Step.NOTHING
    enough = {**trails, WHOLE: trail(10**6, 10**6, 132_000)}
    assert _step(case(enough, state=HealthState.SUSPECT), now_ns=H) is Step.CLEAR


def test_a_suspect_whose_failures_were_explained_is_cleared():
    assert _step(case({}, state=HealthState.SUSPECT), now_ns=H) is Step.CLEAR


def test_more_probe_types_leave_less_doubt():
    one, two = (
        verdict(case(failing(7, 0, 0, 0, types=types)), ALONE, 0, SETTINGS).confidence
        for types in (1 << FMA, 1 << FMA | 1 << TENSOR)
    )

    assert (round(one, 3), round(two, 3)) == (0.95, 0.975)


PASSES = st.lists(st.integers(0, 100_000), max_size=12)
SIGNS = st.lists(st.sampled_from([*ANOMALIES, dissent(0, "a", "b"), dissent(1, "c", "d")]), max_size=12, unique=True)


def _confidence(passes, signs):
    trails = failing(7, *passes) if passes else {}
    return confidence(accused(trails, SETTINGS), weigh(tuple(sorted(signs)), 1, SETTINGS), SETTINGS)


@quick
@given(PASSES, SIGNS)
def test_confidence_is_a_share(passes, signs):
    assert 0 <= _confidence(passes, signs) < 1


@quick
@given(PASSES, SIGNS)
def test_one_more_failure_never_lowers_confidence(passes, signs):
    assert _confidence([*passes, 0], signs) >= _confidence(passes, signs)


@quick
@given(PASSES.filter(bool), st.integers(1, 100_000))
def test_passes_never_raise_confidence(passes, more):
    assert _confidence([*passes[:-1], passes[-1] + more], []) <= _confidence(passes, [])


@quick
@given(PASSES, SIGNS, st.booleans(), st.booleans(), st.floats(0, 1e-5))
def test_surroundings_never_turn_less_into_a_quarantine(passes, signs, host_fails, room, rate):
    one = case(failing(7, *passes) if passes else {}, *sorted(signs))

    if _step(one, Surroundings(host_fails, room=room, failure_rate=rate), 1) is Step.QUARANTINE:
        assert _step(one, now_ns=1) is Step.QUARANTINE


@quick
@given(PASSES)
def test_without_three_failures_or_another_kind_of_evidence_nobody_is_taken_out(passes):
    settings = replace(SETTINGS, quarantine_nats=1.0)

    found = verdict(case(failing(7, *passes[:2]) if passes else {}), ALONE, 0, settings)

    assert found.step in (Step.NOTHING, Step.SUSPECT)
