"""What failing GPUs share acquits them: a probe, a golden answer, a rollout, the power. A host raises doubt only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sentinel_model.given import AES, FMA, SETTINGS, TENSOR, fleet, gpu, quick, sightings

from sentinel_gateway.domain.identity import Gpu
from sentinel_gateway.model.guards import Shared, census, explained, guards

FLEET = fleet(800)
KNOWN = census(FLEET)
H200 = [one for one in FLEET if one.model == "H200"]


def _found(gpus, *types):
    return guards(sightings(gpus, *types), KNOWN, SETTINGS)


def test_a_lone_gpu_has_its_failures_for_itself():
    assert _found(FLEET[:1], FMA, TENSOR, AES) == ()


def test_one_probe_type_that_fails_everywhere_is_the_probe():
    (guard,) = _found(FLEET[::5], FMA)

    assert (guard.shared, guard.probe_types, guard.gpus, guard.of) == (Shared.PROBE, 1 << FMA, 160, 800)


def test_one_probe_type_that_fails_on_one_model_is_its_golden_answer():
    (guard,) = _found(H200, FMA)

    assert (guard.shared, guard.value, guard.share) == (Shared.GOLDEN_ANSWER, "H200", 1.0)
    assert not guard.covers(gpu(0, model="H100"))


def test_a_few_hosts_of_one_model_may_be_chance():
    (guard,) = _found(H200[:24], FMA)

    assert guard.shared is Shared.PROBE


def test_failures_with_a_new_driver_are_its_rollout():
    updated = [replace(one, driver_version="590") for one in FLEET[:16]]
    known = census([*updated, *FLEET[16:]])

    found = guards(sightings(updated, FMA, TENSOR), known, SETTINGS)

    assert {(guard.shared, guard.value) for guard in found} == {(Shared.ROLLOUT, "driver 590")}
    assert explained(found, updated[0]) == 1 << FMA | 1 << TENSOR
    assert explained(found, FLEET[20]) == 0


def test_all_probes_here_and_there_are_power_or_cooling():
    found = guards([one for n in range(0, 800, 9) for one in sightings([FLEET[n]], n % 7 + 1)], KNOWN, SETTINGS)

    assert [(guard.shared, guard.probe_types & 0xFE) for guard in found] == [(Shared.FACILITY, 0xFE)]


def test_three_gpus_of_one_host_are_the_hosts_and_acquit_nobody():
    (guard,) = _found(FLEET[:3], FMA)

    assert (guard.shared, guard.value, guard.of) == (Shared.HOST, "node-0", 8)
    assert explained([guard], FLEET[0]) == 0


def test_a_host_is_not_blamed_for_what_the_fleet_shares():
    assert Shared.HOST not in {guard.shared for guard in _found(FLEET[:400], FMA)}


def test_three_whole_hosts_are_no_chance_however_large_the_fleet():
    known = census(fleet(10_000))

    (guard,) = guards(sightings(FLEET[:24], FMA), known, SETTINGS)

    assert guard.shared is Shared.PROBE


LIAR = [Gpu(f"GPU-none-{number}", "liar", number, "H200", "570") for number in range(50)]
"""A host tells of GPUs that do not exist."""


@pytest.mark.parametrize("types", [(FMA,), (FMA, TENSOR, AES)], ids=["one probe", "all probes"])
@pytest.mark.parametrize("others", [FLEET[:1], FLEET[:8]], ids=["a GPU", "a whole host"])
def test_what_one_host_says_makes_no_cause_of_a_defect_elsewhere(types, others):
    found = guards(sightings([*LIAR, *others], *types), census([*FLEET[:200], *LIAR]), SETTINGS)

    assert explained(found, others[0]) == 0


@pytest.mark.parametrize("kind", ["model", "driver"])
def test_what_one_host_says_of_a_rare_cohort_hides_no_defect_in_it(kind: str):
    model, driver = ("A100", "570") if kind == "model" else ("H200", "590")
    rare, liar = ([replace(one, model=model, driver_version=driver) for one in gpus] for gpus in (FLEET[:8], LIAR[:8]))
    known = census([*rare, *FLEET[8:], *liar])

    assert explained(guards(sightings([*liar, rare[0]], FMA), known, SETTINGS), rare[0]) == 0


def test_two_hosts_are_no_fleet():
    known = census(FLEET[:16])

    assert {guard.shared for guard in guards(sightings(FLEET[:16], FMA), known, SETTINGS)} == {Shared.HOST}


def test_one_gpu_on_each_of_three_hosts_is_enough_in_a_small_fleet():
    gpus = FLEET[::8][:40]

    (guard,) = guards(sightings(gpus[:3], FMA), census(gpus), SETTINGS)

    assert (guard.shared, guard.gpus) == (Shared.PROBE, 3)


def test_defects_as_frequent_as_they_are_found_raise_no_guard():
    defective = [FLEET[number] for number in (0, 100, 200, 300)]

    assert _found(defective, FMA, TENSOR) == ()


def test_the_same_cause_has_the_same_key_however_many_fail():
    (early,), (late,) = _found(FLEET[::20], FMA), _found(FLEET[::2], FMA)

    assert early.key == late.key


@pytest.mark.parametrize("shared", [shared for shared in Shared if shared is not Shared.HOST])
def test_every_other_guard_acquits(shared):
    guard = replace(
        _found(FLEET, FMA)[0], shared=shared, value="H100" if shared is Shared.GOLDEN_ANSWER else "driver 570"
    )

    assert explained([guard], gpu(0)) == 1 << FMA


@quick
@given(st.sets(st.integers(0, 799), min_size=40, max_size=200), st.sets(st.integers(1, 7), min_size=1))
def test_guards_never_let_a_mass_of_gpus_through(numbers, types):
    gpus = [FLEET[number] for number in numbers]

    found = _found(gpus, *types)

    assert all(explained(found, one) & 1 << kind for one in gpus for kind in types)


@quick
@given(st.sets(st.integers(0, 799), max_size=60), st.integers(1, 7), st.randoms(use_true_random=False))
def test_in_which_order_failures_are_sighted_does_not_matter(numbers, kind, random):
    seen = sightings([FLEET[number] for number in numbers], kind)

    one, other = (guards(order, KNOWN, SETTINGS) for order in (seen, random.sample(seen, len(seen))))

    assert set(one) == set(other)
