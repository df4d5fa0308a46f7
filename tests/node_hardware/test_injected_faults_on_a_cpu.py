"""The injector's kernels, compiled for the CPU: a fault is found on its SM, and at its bit or lane."""

from __future__ import annotations

import pytest
from tests.gpu.fault_injection import flipped_lane, stuck_bit, wrong_once_in
from tests.gpu.running import COMPUTE, name_of
from tests.node_hardware.on_cpu import build
from tests.node_probes.gpus import finding, plan, runner
from tests.node_probes.on_cpu.device import CpuDevice, compiler

from sentinel_node.domain.probes import Outcome, ProbeKind

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(compiler() is None, reason="no C++ compiler here: faulty kernels are not run on the CPU"),
]
SM, BIT, LANE = 2, 20, 5
SOME = [
    each for each in COMPUTE if each.name in ("fp64", "int32", "bf16", "aes_128") or each.source == "transcendental.cu"
]
each_kernel = pytest.mark.parametrize("variant", SOME, ids=name_of)


@pytest.fixture
def failed_with(tmp_path):
    """Runs a variant with a fault, and gives the finding of the one SM that failed."""

    def find(variant, fault):
        report = runner().run(plan(variant, repetitions=2), CpuDevice(build(variant.source, fault, tmp_path)))
        assert [each.sm for each in report.findings if each.outcome is Outcome.FAIL] == [SM]
        return finding(report, SM)

    return find


@pytest.mark.parametrize("value", [0, 1])
@each_kernel
def test_a_stuck_bit_is_told_with_its_bit(variant, value, failed_with):
    found = failed_with(variant, stuck_bit(SM, BIT, value))

    if variant.kind is not ProbeKind.AES:
        assert found.mismatch.bits == (BIT,)
        assert (int.from_bytes(found.mismatch.actual, "little") >> BIT & 1) == value


@each_kernel
def test_a_faulty_lane_is_told_with_its_lane(variant, failed_with):
    assert failed_with(variant, flipped_lane(SM, LANE, BIT)).mismatch.byte_offset // 4 % 32 == LANE


@each_kernel
def test_one_wrong_result_among_thousands_is_found(variant, failed_with):
    assert failed_with(variant, wrong_once_in(SM, 5_003, BIT)).mismatch_words > 0
