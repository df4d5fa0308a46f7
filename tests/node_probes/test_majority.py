"""Where a CPU cannot derive the right bits, most SMs decide, within a documented bound."""

from __future__ import annotations

import numpy as np
import pytest
from tests.node_probes.gpus import VARIANTS, finding, outcomes, plan, run

from sentinel_node.domain.probes import Outcome
from sentinel_node.probes.majority import majority
from sentinel_node.probes.silicon import HEALTHY
from sentinel_node.probes.software.faults import DeadSm, StuckBit
from sentinel_node.probes.transcendental import FUNCTIONS, THREADS, _arguments, program, reference

(MUFU,) = (each for each in VARIANTS if not each.is_golden_known)
SETS = np.arange(4, dtype=np.uint64)


def test_more_than_half_decide_each_word() -> None:
    outputs = np.array([[1, 2], [1, 9], [5, 2]], dtype=np.uint32)

    voted = majority(outputs)

    assert voted is not None
    assert voted.tolist() == [1, 2]


@pytest.mark.parametrize("outputs", [[[1], [1]], [[1], [2], [3]], [[1], [1], [2], [2]]], ids=["two", "three", "tie"])
def test_there_is_no_majority_among_too_few_or_in_a_tie(outputs: list[list[int]]) -> None:
    assert majority(np.array(outputs, dtype=np.uint32)) is None


def test_without_a_majority_nothing_is_said_of_any_sm() -> None:
    assert set(outcomes(run(plan(MUFU), sm_count=2)).values()) == {Outcome.NOT_RUN}


def test_one_sm_is_judged_by_all_the_others() -> None:
    report = run(plan(MUFU, sms=(4,)), StuckBit(sm=4, bit=0))

    assert outcomes(report) == {4: Outcome.FAIL}


def test_a_fault_that_most_sms_share_is_found_by_the_bound() -> None:
    report = run(plan(MUFU), *(StuckBit(sm, bit=20) for sm in range(6)))

    assert set(outcomes(report).values()) == {Outcome.FAIL}
    mismatch = finding(report, 0).mismatch
    assert mismatch is not None
    assert 20 in mismatch.bits


def test_a_fault_that_most_sms_share_within_the_bound_is_not_seen() -> None:
    """A limit that is told in the documentation."""
    report = run(plan(MUFU), *(StuckBit(sm, bit=0, value=0) for sm in range(6)))

    assert report.outcome is Outcome.PASS


def test_dead_sms_in_the_minority_fail_and_the_others_pass() -> None:
    report = run(plan(MUFU), DeadSm(1), DeadSm(2))

    assert {sm for sm, outcome in outcomes(report).items() if outcome is Outcome.FAIL} == {1, 2}


def test_arguments_are_where_the_manual_gives_a_bound_and_nothing_is_denormal() -> None:
    """PTX ISA 9.1: sin and cos within 2 pi; all others everywhere, but denormals are flushed."""
    sets = np.arange(64, dtype=np.uint64)
    for number, words in enumerate(_arguments(5, sets, 0)):
        argument = words.view(np.float32).astype(np.float64)
        value = np.abs(FUNCTIONS[number](argument))

        assert (np.abs(argument) >= 2.0**-126).all()
        assert ((value >= 2.0**-126) & (value < 2.0**128)).all()
        assert FUNCTIONS[number] not in (np.sin, np.cos) or (np.abs(argument) < 2 * np.pi).all()


def test_the_bound_is_twice_what_the_manual_says() -> None:
    output = program(3, SETS, HEALTHY)
    exact = reference(3, SETS, output).value
    rcp = 5 * THREADS
    within, beyond = exact.copy(), exact.copy()
    within[0, rcp] += 1  # one ulp, as documented
    beyond[0, rcp] += 4

    assert reference(3, SETS, within).is_within.all()
    assert np.argwhere(~reference(3, SETS, beyond).is_within).tolist() == [[0, rcp]]


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_a_result_a_thousandth_off_is_outside_every_bound(number: int) -> None:
    output = program(3, SETS, HEALTHY)
    values = output.view(np.float32)
    values[0, number * THREADS] = values[0, number * THREADS] * np.float32(1.002) + np.float32(1e-5)

    bound = reference(3, SETS, output)

    assert np.argwhere(~bound.is_within).tolist() == [[0, number * THREADS]]
