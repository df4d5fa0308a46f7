"""The kernels' own text, compiled for the CPU, agrees with the NumPy twins about sound cells and about stuck ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.node_probes.gpus import runner
from tests.node_probes.on_cpu.device import compiler
from tests.node_probes_memory.gpus import FIRST_ADDRESS, failed, run_memory, run_on_sms
from tests.node_probes_memory.on_cpu.device import WHEREVER_IT_READS, MemoryCpuDevice, StuckWord, build

from sentinel_node.domain.probes import Finding, Outcome, ProbeKind, ProbePlan
from sentinel_node.probes.software.memory_faults import StuckMemoryBit
from sentinel_node.probes.software.registers_faults import StuckCell

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(compiler() is None, reason="no C++ compiler here: kernels' text is not run on the CPU"),
]
SOURCES = {
    ProbeKind.MEMORY: "memory.cu",
    ProbeKind.REGISTER_FILE: "registers.cu",
    ProbeKind.SHARED_MEMORY: "shared.cu",
}


def plan(kind: ProbeKind, variant: str = "march_c_minus") -> ProbePlan:
    return ProbePlan(kind, "GPU-1", variant, seed=7, repetitions=1 if kind is ProbeKind.MEMORY else 8)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("memory_kernels")


def told(finding: Finding) -> tuple[object, ...]:
    found = finding.mismatch
    assert found is not None
    return finding.sm, found.byte_offset, found.bits, found.expected, found.actual, finding.mismatch_bits


@pytest.mark.parametrize("kind", SOURCES)
def test_the_kernel_finds_its_twin_s_words_right(kind: ProbeKind, folder: Path) -> None:
    report = runner().run(plan(kind), MemoryCpuDevice(build(SOURCES[kind], folder)))

    assert {finding.outcome for finding in report.findings} == {Outcome.PASS}


@pytest.mark.parametrize("variant", ["address", "march_ss"])
def test_other_tests_of_memory_pass_as_well(variant: str, folder: Path) -> None:
    report = runner().run(plan(ProbeKind.MEMORY, variant), MemoryCpuDevice(build("memory.cu", folder)))

    assert report.outcome is Outcome.PASS


def test_a_stuck_bit_of_memory_is_told_as_by_the_twin(folder: Path) -> None:
    device = MemoryCpuDevice(build("memory.cu", folder), StuckWord(0, 1000, 1 << 5))

    found = failed(runner().run(plan(ProbeKind.MEMORY), device))

    twin = failed(run_memory(plan(ProbeKind.MEMORY), StuckMemoryBit(FIRST_ADDRESS + 4000, 5, 1)))
    assert told(found) == told(twin)
    assert found.mismatch_words == twin.mismatch_words


def test_memory_is_blamed_for_what_two_sms_read_and_the_reader_for_what_it_alone_does(folder: Path) -> None:
    library = build("memory.cu", folder)
    stored, read = (
        failed(runner().run(plan(ProbeKind.MEMORY), MemoryCpuDevice(library, fault)))
        for fault in (StuckWord(0, 1000, 1 << 5), StuckWord(0, WHEREVER_IT_READS, 1 << 5))
    )

    assert (stored.sm, stored.reason.partition(":")[0]) == (None, "memory")
    assert (read.sm, read.reason.partition(":")[0]) == (0, "reader SM")
    assert "SM 0 alone" in read.reason


def test_a_stuck_bit_of_shared_memory_is_told_as_by_the_twin(folder: Path) -> None:
    device = MemoryCpuDevice(build("shared.cu", folder), StuckWord(1, 777, 1 << 31))

    found = failed(runner().run(plan(ProbeKind.SHARED_MEMORY), device))

    fault = StuckCell(1, "shared", 777 // 256, 777 % 256, 31, 1)
    assert told(found) == told(failed(run_on_sms(ProbeKind.SHARED_MEMORY, fault, shared_kib=9)))


def test_the_first_stuck_register_of_a_thread_is_told_as_by_the_twin(folder: Path) -> None:
    device = MemoryCpuDevice(build("registers.cu", folder), StuckWord(1, 200, 1 << 2))

    found = failed(runner().run(plan(ProbeKind.REGISTER_FILE), device))

    twin = failed(run_on_sms(ProbeKind.REGISTER_FILE, StuckCell(1, "register", 0, 200, 2, 1)))
    assert told(found) == told(twin)
