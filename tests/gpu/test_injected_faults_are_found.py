"""Kernels made to compute wrongly on one SM of a real GPU: each fault is found on that SM, and at its bit.

The injector itself is tried without a GPU in ``tests/node_hardware``.
"""

from __future__ import annotations

import pytest
from tests.gpu.devices import opened
from tests.gpu.fault_injection import CompileFaulty, InjectedFault, flipped_lane, stuck_bit, wrong_once_in
from tests.gpu.running import COMPUTE, PROVEN, name_of, plan_of, run, runs_on, wrong_sms
from tests.gpu.wrapping import CannotFall

from sentinel_node.domain.probes import Finding, Outcome, ProbeKind
from sentinel_node.probes.variant import Variant

BIT, LANE, PERIOD = 20, 5, 50_021
FAULTY = tuple(variant for variant in PROVEN if variant.kind is not ProbeKind.MEMORY)
"""What is not proven gives no verdict, so no fault of its would be told as one."""
(REGISTERS,) = (variant for variant in FAULTY if variant.kind is ProbeKind.REGISTER_FILE)
ARITHMETIC = (ProbeKind.FMA, ProbeKind.TENSOR_CORE, ProbeKind.TRANSCENDENTAL)
each_faulty = pytest.mark.parametrize("variant", FAULTY, ids=name_of)
each_compute = pytest.mark.parametrize("variant", COMPUTE, ids=name_of)


@pytest.fixture
def last_sm(gpu) -> int:
    """One that there is, whatever the numbering."""
    findings = run(plan_of(FAULTY[0], gpu), gpu).findings
    return max(finding.sm or 0 for finding in findings if finding.outcome is Outcome.PASS)


@pytest.fixture
def failed_with(identity, last_sm):
    """Runs a variant with a fault on the last SM, and gives the finding of the one SM that failed."""

    def find(variant: Variant, fault: InjectedFault) -> Finding:
        if not runs_on(variant, identity):
            pytest.skip(f"NOT TESTED ON A GPU: {variant.name} needs sm_{variant.since[0]}{variant.since[1]}")
        device = opened(identity, CompileFaulty(fault))
        report = run(plan_of(variant, device), device)
        assert wrong_sms(report) == {last_sm}
        assert report.count(Outcome.PASS) == report.sms_present - 1
        return next(finding for finding in report.findings if finding.sm == last_sm)

    return find


@pytest.mark.parametrize("value", [0, 1])
@each_faulty
def test_a_stuck_bit_is_told_with_its_sm_and_bit(variant: Variant, value: int, failed_with, last_sm) -> None:
    found = failed_with(variant, stuck_bit(last_sm, BIT, value))

    if variant.kind is not ProbeKind.AES:  # whose rotated words are not outputs, but what the cipher makes of them
        assert found.mismatch.bits == (BIT,)
    if variant.kind in ARITHMETIC:  # a march's output is its last background, changed where any read was wrong
        assert (int.from_bytes(found.mismatch.actual, "little") >> BIT & 1) == value


@each_compute
def test_a_faulty_lane_is_told_with_its_sm_and_lane(variant: Variant, failed_with, last_sm) -> None:
    found = failed_with(variant, flipped_lane(last_sm, LANE, BIT))

    assert found.mismatch.byte_offset // 4 % 32 == LANE


@each_faulty
def test_one_wrong_result_among_many_is_found(variant: Variant, failed_with, last_sm) -> None:
    assert failed_with(variant, wrong_once_in(last_sm, PERIOD, BIT)).mismatch_words > 0


def test_registers_of_one_sm_that_cannot_fall_are_found_in_the_shipped_machine_code(gpu, last_sm) -> None:
    report = run(plan_of(REGISTERS, gpu), CannotFall(gpu, last_sm, 1 << BIT))

    (found,) = (finding for finding in report.findings if finding.outcome is Outcome.FAIL)
    assert (found.sm, found.mismatch_bits) == (last_sm, 1 << BIT)
    assert found.mismatch_words >= REGISTERS.threads * REGISTERS.words


def test_a_fault_of_an_sm_that_there_is_not_changes_nothing(identity) -> None:
    device = opened(identity, CompileFaulty(stuck_bit(2**31, BIT, 1)))

    assert run(plan_of(FAULTY[0], device), device).outcome is Outcome.PASS
