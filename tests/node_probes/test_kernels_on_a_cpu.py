"""The kernels' own text, compiled for the CPU, gives the words of the NumPy twins and reports as they do.

Only the instructions under test are replaced, and tiles are added from the last product to the first.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.node_probes.gpus import VARIANTS, finding, name_of, plan, run, runner
from tests.node_probes.on_cpu.device import CpuDevice, build, compiler

from sentinel_node.domain.probes import Outcome, ProbeKind
from sentinel_node.probes.software.faults import StuckBit
from sentinel_node.probes.variant import Variant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(compiler() is None, reason="no C++ compiler here: kernels' text is not run on the CPU"),
]
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=name_of)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@each_variant
def test_the_kernel_computes_what_its_twin_does(variant: Variant, folder: Path) -> None:
    device = CpuDevice(build(variant.source, folder))

    reports = [runner().run(plan(variant, seed=seed, repetitions=4), device) for seed in (1, 2**64 - 1)]

    assert {report.outcome for report in reports} == {Outcome.PASS}
    assert {each.repetitions for report in reports for each in report.findings} <= {4, 8}


@pytest.mark.parametrize("variant", [each for each in VARIANTS if each.kind is not ProbeKind.AES], ids=name_of)
def test_the_kernel_finds_a_stuck_bit_where_its_twin_does(variant: Variant, folder: Path) -> None:
    """AES is left out, which has no single instruction to put a fault in."""
    device = CpuDevice(build(variant.source, folder), faulty_sm=1, stuck_bits=1 << 9)

    found = finding(runner().run(plan(variant), device), 1)

    twin = finding(run(plan(variant), StuckBit(1, 9), sm_count=3), 1)
    assert (found.outcome, found.mismatch) == (Outcome.FAIL, twin.mismatch)


@pytest.mark.parametrize("variant", [each for each in VARIANTS if each.kind is ProbeKind.FMA], ids=name_of)
def test_the_kernel_counts_and_keeps_wrong_words_as_its_twin_does(variant: Variant, folder: Path) -> None:
    """Not for sums: with a wrong addend they depend on the order of addition."""
    device = CpuDevice(build(variant.source, folder), faulty_sm=2, stuck_bits=1)

    found = finding(runner().run(plan(variant, repetitions=5), device), 2)

    assert found == finding(run(plan(variant, repetitions=5), StuckBit(2, 0), sm_count=3), 2)


@pytest.mark.parametrize("variant", VARIANTS[:3], ids=name_of)
def test_sets_begin_anew_and_launches_follow_each_other_without_a_false_vote(variant: Variant, folder: Path) -> None:
    """67 repetitions of 2 sets: a set and a launch of 64 both end in between, and the sums go on as the twin's do."""
    device = CpuDevice(build(variant.source, folder))

    report = runner().run(plan(variant, repetitions=67), device)

    assert {(each.outcome, each.repetitions) for each in report.findings} == {(Outcome.PASS, 67)}


@pytest.mark.parametrize("bits", [0x7F800000, 0x7FC00000, 0xFFFFFFFF], ids=["infinite", "quiet NaN", "all ones"])
@pytest.mark.parametrize("variant", [each for each in VARIANTS if each.name in ("fp32", "bf16")], ids=name_of)
def test_results_that_are_no_numbers_are_compared_by_their_bits(variant: Variant, bits: int, folder: Path) -> None:
    device = CpuDevice(build(variant.source, folder), faulty_sm=1, stuck_bits=bits)

    report = runner().run(plan(variant), device)

    assert [each.sm for each in report.findings if each.outcome is Outcome.FAIL] == [1]
    assert finding(report, 1).mismatch_words > 0
