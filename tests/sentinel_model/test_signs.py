"""Anomalies and dissents: which are kept, when a vote speaks against a GPU, and how much they weigh."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_model.given import SETTINGS, H, anomaly, gpu, quick
from tests.sentinel_model.given import dissent as outvoted

from sentinel_gateway.domain.signs import MAX_SIGNS, SignKind, dissent, with_signs
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrReport, vote
from sentinel_gateway.model.settings import unit_nats
from sentinel_gateway.model.weighing import weigh


def _report(*fingerprints: bytes, drivers: tuple[str, ...] = ("570", "570", "570")) -> TmrReport:
    gpus = [gpu(number, driver=driver) for number, driver in enumerate(drivers)]
    results = tuple(TmrGpuResult(one, fingerprint) for one, fingerprint in zip(gpus, fingerprints, strict=True))
    return TmrReport("canary", results)


def test_a_dissent_names_the_two_that_agreed():
    report = _report(b"x", b"y", b"x")

    sign = dissent(report, vote(report), 7)

    assert sign is not None
    assert (sign.kind, sign.about, sign.time_ns) == (SignKind.DISSENT, "GPU-0,GPU-2", 7)


@pytest.mark.parametrize("prints", [(b"x", b"x", b"x"), (b"x", b"y", b"z")], ids=["all agree", "all differ"])
def test_without_a_dissenter_nothing_is_said(prints):
    report = _report(*prints)

    assert dissent(report, vote(report), 7) is None


def test_gpus_with_other_drivers_may_compute_other_bits():
    report = _report(b"x", b"y", b"x", drivers=("570", "580", "570"))

    assert dissent(report, vote(report), 7) is None


def test_gpus_of_other_models_may_compute_other_bits():
    report = _report(b"x", b"y", b"x")
    mixed = replace(report, results=(*report.results[:2], replace(report.results[2], gpu=gpu(2, model="H200"))))

    assert dissent(mixed, vote(mixed), 7) is None


def test_each_kind_keeps_its_latest():
    signs = with_signs((), [anomaly(n, str(n)) for n in range(MAX_SIGNS + 3)])
    signs = with_signs(signs, [outvoted(0, "a", "b")])

    assert [sign.time_ns for sign in signs if sign.kind is SignKind.ANOMALY][0] == 3
    assert sum(sign.kind is SignKind.DISSENT for sign in signs) == 1


def test_a_dissent_weighs_twice_a_failed_probe_and_an_anomaly_three_tenths():
    assert weigh((outvoted(0, "a", "b"),), 0, SETTINGS).nats == pytest.approx(2 * unit_nats(SETTINGS))
    assert weigh((anomaly(0),), 0, SETTINGS).nats == pytest.approx(0.3 * unit_nats(SETTINGS))


def test_after_a_half_life_a_sign_weighs_half():
    fresh, old = (weigh((outvoted(0, "a", "b"),), now_ns, SETTINGS).nats for now_ns in (0, 168 * H))

    assert old == pytest.approx(fresh / 2)


def test_all_anomalies_together_never_weigh_what_quarantines():
    weight = weigh(tuple(anomaly(0, str(n)) for n in range(1000)), 0, SETTINGS)

    assert SETTINGS.suspect_nats <= weight.nats < SETTINGS.quarantine_nats


def test_the_same_partners_count_once():
    signs = with_signs((), [outvoted(n, "a", "b") for n in range(9)])

    assert weigh(signs, 9, SETTINGS).partners == 1


def test_a_partner_that_stays_counts_once_with_whomever():
    signs = with_signs((), [outvoted(0, "a", "b"), outvoted(1, "b", "c"), outvoted(2, "b", "d")])

    assert weigh(signs, 2, SETTINGS).partners == 1


def test_others_each_time_count_each_time():
    signs = with_signs((), [outvoted(0, "a", "b"), outvoted(1, "c", "d"), outvoted(2, "e", "f")])

    assert weigh(signs, 2, SETTINGS).partners == 3


SIGNS = st.lists(st.builds(outvoted, st.integers(0, 9), st.sampled_from("abc"), st.sampled_from("def")), max_size=20)


@quick
@given(SIGNS, st.randoms(use_true_random=False))
def test_in_which_order_signs_arrive_does_not_matter(signs, random):
    one, other = with_signs((), signs), with_signs((), random.sample(signs, len(signs)))

    assert weigh(one, 9, SETTINGS) == weigh(other, 9, SETTINGS)


@quick
@given(SIGNS, st.integers(0, 1000 * H), st.integers(0, 1000 * H))
def test_signs_never_gain_weight_with_time(signs, later_ns, more_ns):
    kept = with_signs((), signs)

    assert weigh(kept, 10 + later_ns + more_ns, SETTINGS).nats <= weigh(kept, 10 + later_ns, SETTINGS).nats
