"""Anomalies and dissents: which are kept, when a vote speaks against a GPU, and how much they weigh."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_model.given import SETTINGS, H, anomaly, gpu, quick
from tests.sentinel_model.given import dissent as outvoted

from sentinel_gateway.domain.signs import MAX_SIGNS, SignKind, dissent, with_signs
from sentinel_gateway.domain.tmr import TmrGpuResult, TmrReport, TmrVerdict, vote
from sentinel_gateway.model.settings import unit_nats
from sentinel_gateway.model.weighing import weigh

GPUS = [gpu(number) for number in range(3)]


def _voted(*fingerprints: bytes) -> TmrVerdict:
    results = tuple(TmrGpuResult(one, fingerprint) for one, fingerprint in zip(GPUS, fingerprints, strict=True))
    return vote(TmrReport("canary", results))


def test_a_dissent_names_the_two_that_agreed():
    sign = dissent(_voted(b"x", b"y", b"x"), GPUS, 7, "node-0")

    assert sign is not None
    assert (sign.kind, sign.about, sign.time_ns) == (SignKind.DISSENT, "GPU-0,GPU-2", 7)


@pytest.mark.parametrize(("reporter", "told_by"), [("node-9", "node-9"), ("node-1", "")], ids=["other", "its own"])
def test_a_dissent_names_the_hosts_of_the_two_and_who_else_reported_it(reporter: str, told_by: str):
    sign = dissent(_voted(b"x", b"y", b"x"), [gpu(number, per_host=1) for number in range(3)], 7, reporter)

    assert sign is not None
    assert (sign.hosts, sign.told_by) == ("node-0,node-2", told_by)


@pytest.mark.parametrize("prints", [(b"x", b"x", b"x"), (b"x", b"y", b"z")], ids=["all agree", "all differ"])
def test_without_a_dissenter_nothing_is_said(prints):
    assert dissent(_voted(*prints), GPUS, 7, "node-0") is None


@pytest.mark.parametrize(
    "other",
    [gpu(2, driver="580"), gpu(2, model="H200"), gpu(2, driver=""), gpu(2, model="")],
    ids=["other driver", "other model", "driver unknown", "model unknown"],
)
def test_gpus_that_are_not_known_to_be_alike_may_compute_other_bits(other):
    assert dissent(_voted(b"x", b"y", b"x"), [*GPUS[:2], other], 7, "node-0") is None


@pytest.mark.parametrize("model", ["", "H100"])
def test_three_gpus_of_which_too_little_is_known_are_not_alike(model: str):
    bare = [gpu(number, model=model, driver="" if model else "570") for number in range(3)]

    assert dissent(_voted(b"x", b"y", b"x"), bare, 7, "node-0") is None


def test_a_gpu_that_was_not_known_before_has_no_say():
    assert dissent(_voted(b"x", b"y", b"x"), GPUS[:2], 7, "node-0") is None


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


@pytest.mark.parametrize(
    "other",
    [
        outvoted(1, "c", "d", "host of a,host of d"),
        outvoted(1, "c", "d", told_by="r"),
        outvoted(1, "c", "d", told_by="host of b"),
        outvoted(1, "c", "d", ""),
    ],
    ids=["a host of both", "reported by the same", "reported by a partner's host", "hosts unknown"],
)
def test_what_rests_on_one_word_counts_once(other):
    signs = with_signs((), [outvoted(2, "a", "b", told_by="r"), other])

    assert weigh(signs, 2, SETTINGS).partners == 1


def test_a_gpus_own_host_may_report_each_time():
    signs = with_signs((), [outvoted(0, "a", "b"), outvoted(1, "c", "d", told_by="r"), outvoted(2, "e", "f")])

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
