"""Every class of wrong result is found, and told by SM, word and bit."""

from __future__ import annotations

import hashlib

import pytest
from tests.node_probes.gpus import QUICK, VARIANTS, finding, name_of, outcomes, plan, run

from sentinel_node.domain.probes import Finding, Outcome, ProbeKind
from sentinel_node.probes.software.faults import BlindComparison, DeadSm, FlippedLane, StuckBit, WrongOnceIn
from sentinel_node.probes.variant import Variant

quick_and_slow = pytest.mark.parametrize(
    "variant",
    [pytest.param(each, id=name_of(each), marks=() if each in QUICK else pytest.mark.slow) for each in VARIANTS],
)


def only_failure(variant: Variant, fault: object, sm: int, repetitions: int = 4) -> Finding:
    report = run(plan(variant, repetitions=repetitions), fault)

    assert outcomes(report) == {each: Outcome.FAIL if each == sm else Outcome.PASS for each in range(6)}
    return finding(report, sm)


@quick_and_slow
@pytest.mark.parametrize("value", [0, 1])
def test_a_stuck_bit_is_told_by_its_number(variant: Variant, value: int) -> None:
    found = only_failure(variant, StuckBit(sm=3, bit=17, value=value), sm=3)

    assert found.mismatch is not None
    assert found.mismatch.bits == (17,)
    assert found.mismatch_bits >> 17 & 1


@quick_and_slow
def test_a_dead_sm_is_told(variant: Variant) -> None:
    found = only_failure(variant, DeadSm(sm=0), sm=0)

    assert found.mismatch is not None
    assert found.mismatch.actual == bytes(4)
    assert found.mismatch.expected != bytes(4)


@quick_and_slow
def test_a_flipped_lane_is_told_by_the_word_s_place(variant: Variant) -> None:
    found = only_failure(variant, FlippedLane(sm=5, lane=21, mask=1 << 12), sm=5)

    assert found.mismatch is not None
    assert found.mismatch.byte_offset // 4 % 32 == 21
    assert found.mismatch.bits == (12,)
    if variant.kind is not ProbeKind.TENSOR_CORE:  # whose wrong lane feeds all lanes of its row and column
        assert found.mismatch_words <= found.repetitions * variant.threads * variant.words // 32


@quick_and_slow
def test_a_result_that_is_wrong_once_is_found(variant: Variant) -> None:
    """Deep inside a chain too, where only what follows from it is seen."""
    found = only_failure(variant, WrongOnceIn(sm=2, period=20_000, mask=1), sm=2)

    assert found.mismatch_words > 0


def test_a_single_flip_of_the_least_bit_amid_a_chain_is_found() -> None:
    fma = VARIANTS[0]
    results = fma.threads * (8 + 128)

    found = only_failure(fma, WrongOnceIn(sm=1, period=results // 2 + 1, mask=1), sm=1, repetitions=1)

    assert found.mismatch_words == 1


def test_an_sm_that_compares_wrongly_is_found_by_its_checksum() -> None:
    report = run(plan(VARIANTS[0]), DeadSm(sm=4), BlindComparison(sm=4))

    assert outcomes(report)[4] is Outcome.FAIL
    assert "checksum" in finding(report, 4).reason
    assert finding(report, 4).mismatch is None


def test_the_hash_is_that_of_the_output_as_it_was() -> None:
    variant, lane = VARIANTS[0], FlippedLane(sm=1, lane=0, mask=1)
    wrong = finding(run(plan(variant), lane), 1)
    same_again = finding(run(plan(variant), lane), 1)

    assert wrong.actual_hash == same_again.actual_hash
    assert len({wrong.actual_hash, wrong.expected_hash, hashlib.sha256(b"").digest()}) == 3


def test_two_faulty_sms_are_two_findings() -> None:
    report = run(plan(VARIANTS[0]), StuckBit(sm=1, bit=3), StuckBit(sm=2, bit=30))

    bits = {sm: found.mismatch.bits for sm in (1, 2) if (found := finding(report, sm)).mismatch}
    assert bits == {1: (3,), 2: (30,)}


def test_a_fault_of_another_unit_is_not_this_probe_s() -> None:
    report = run(plan(VARIANTS[0]), DeadSm(sm=1, unit="mufu"))

    assert report.outcome is Outcome.PASS
