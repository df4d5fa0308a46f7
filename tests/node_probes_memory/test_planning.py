"""Memory is cut so that a march keeps its order, and every read comes from behind the cache."""

from __future__ import annotations

from collections import Counter

import pytest

from sentinel_node.domain.probes import Depth, ProbeKind, ProbePlan
from sentinel_node.probes import memory_plan as plans
from sentinel_node.probes.memory_march import ADDRESS, BACKGROUNDS, MARCH_C_MINUS, MARCH_SS, OWN_ADDRESS
from sentinel_node.probes.memory_plan import UNIT_BYTES, Step, Stretch, march_steps, stretches

MIB, GIB = 2**20, 2**30
L2_BYTES = {"A100": 40 * MIB, "H100": 50 * MIB, "B200": 126 * MIB}
STRETCH = Stretch(64 * UNIT_BYTES, width=2)


def units_of(step: Step, stretch: Stretch) -> list[int]:
    units = range(stretch.size_bytes // UNIT_BYTES)
    return [unit for unit in units if (unit >> step.shift) % (1 << step.width) == step.group]


@pytest.mark.parametrize("l2_bytes", L2_BYTES.values(), ids=L2_BYTES)
def test_a_group_is_at_least_twice_the_cache(l2_bytes: int) -> None:
    found = stretches(140 * GIB, l2_bytes, share=1.0)

    assert min(stretch.size_bytes >> stretch.width for stretch in found) >= 2 * l2_bytes


def test_between_two_accesses_to_a_unit_all_others_of_its_group_pass() -> None:
    accessed = [unit for step in march_steps(MARCH_SS, 0, STRETCH, 0) for unit in units_of(step, STRETCH)]

    others = 64 // 4 - 1
    assert all(unit not in accessed[max(0, at - others) : at] for at, unit in enumerate(accessed))


@pytest.mark.parametrize("turn", range(6))
def test_every_operation_reaches_every_unit_once(turn: int) -> None:
    steps = march_steps(MARCH_C_MINUS, 0, STRETCH, turn)

    reached = Counter(unit for step in steps for unit in units_of(step, STRETCH))
    assert set(reached.values()) == {MARCH_C_MINUS.operations}
    assert len(reached) == 64


def test_an_element_goes_from_group_to_group_in_its_order() -> None:
    steps = march_steps(MARCH_C_MINUS, 0, STRETCH, 0)

    groups = [step.group for step in steps]
    assert groups[:4] == [0, 1, 2, 3]
    assert groups[4:12] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert groups[20:28] == [3, 3, 2, 2, 1, 1, 0, 0]


def test_the_digits_of_all_rounds_cover_every_bit_of_a_unit_s_number() -> None:
    for stretch in {stretches(140 * GIB, L2_BYTES["H100"], share=1.0)[end] for end in (0, -1)}:
        shifts = {march_steps(ADDRESS, 0, stretch, turn)[0].shift for turn in range(len(BACKGROUNDS))}

        covered = {shift + bit for shift in shifts for bit in range(stretch.width)}
        assert covered == set(range(stretch.unit_bits))


def test_a_light_run_takes_one_stretch_and_a_deep_one_all_but_the_reserve() -> None:
    light, deep = (plans.dose_of(ProbePlan(ProbeKind.MEMORY, "GPU-1", depth=depth)) for depth in Depth)

    taken = [sum(s.size_bytes for s in stretches(100 * GIB, 50 * MIB, dose.share)) for dose in (light, deep)]

    assert taken == [2 * GIB, 98 * GIB]
    assert (light.rounds, deep.rounds) == (1, len(BACKGROUNDS))


def test_a_light_run_leaves_three_quarters_of_what_is_free_to_a_workload() -> None:
    taken = stretches(3 * GIB, L2_BYTES["H100"], share=0.0)

    assert [stretch.size_bytes for stretch in taken] == [512 * MIB, 256 * MIB]


def test_what_is_asked_for_is_what_is_taken() -> None:
    dose = plans.dose_of(ProbePlan(ProbeKind.MEMORY, "GPU-1", memory_share=0.25, repetitions=3))

    assert sum(stretch.size_bytes for stretch in stretches(64 * GIB, 50 * MIB, dose.share)) == 16 * GIB
    assert dose.rounds == 3


def test_where_not_even_two_groups_fit_there_is_nothing_to_test() -> None:
    assert stretches(200 * MIB, 50 * MIB, share=1.0) == ()


def test_no_more_launches_are_queued_than_fit_into_the_driver_s_queue() -> None:
    whole = list(plans.sweep_steps(ADDRESS, (plans.Stretch(2 * GIB, 4),) * 68, OWN_ADDRESS))

    batches = list(plans.bounded(whole))

    assert max(len(steps) for steps in whole) > 1024
    assert max(len(steps) for steps in batches) == plans.MOST_QUEUED
    assert [step for steps in batches for step in steps] == [step for steps in whole for step in steps]


def test_own_addresses_are_written_everywhere_before_any_is_read() -> None:
    over = (STRETCH, STRETCH)

    elements = list(plans.sweep_steps(ADDRESS, over, OWN_ADDRESS))

    assert [{step.operation.is_read for step in steps} for steps in elements] == [{False}, {True}, {False}, {True}]
    assert all({step.stretch for step in steps} == {0, 1} for steps in elements)


def test_light_runs_of_different_seeds_use_different_backgrounds() -> None:
    turns = {plans.first_turn(seed) for seed in range(100)}

    assert {march_steps(ADDRESS, 0, STRETCH, turn)[0].background for turn in turns} == set(BACKGROUNDS)
