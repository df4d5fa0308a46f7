"""The fault injector of ``make test-gpu``, without a GPU: its kernels compile and look at the fault in loops."""

from __future__ import annotations

import struct

import pytest
from tests.gpu.fault_injection import CompileFaulty, flipped_lane, stuck_bit, wrong_once_in

from sentinel_node.probes.compiling import compile_source
from sentinel_node.probes.machine_code import Kernel, disassemble

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
SOURCES = ("aes.cu", "fma.cu", "shared.cu", "tensor_core.cu", "transcendental.cu")
FAULT = flipped_lane(sm=77, lane=5, bit=20)


def looks_at_its_sm(kernel: Kernel) -> int:
    """How often within loops; the shipped kernels do so before and after theirs."""
    return sum("VIRTUALSMID" in each.operands for each in kernel.in_loops())


def test_a_fault_is_eight_words_in_the_order_of_the_header():
    words = [struct.unpack("<8I", fault.data)[:6] for fault in (stuck_bit(3, 4, 0), FAULT, wrong_once_in(9, 500, 0))]

    every = 0xFFFFFFFF
    assert words == [(3, every, 0xFFFFFFEF, 0, 0, 1), (77, 5, every, 0, 1 << 20, 1), (9, every, every, 0, 1, 500)]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("source", SOURCES)
def test_every_kernel_has_the_fault_in_its_loops_and_the_shipped_ones_have_none(source, architecture):
    made = CompileFaulty(FAULT)(source, architecture)
    shipped = disassemble(compile_source(source, architecture).image)
    faulty = disassemble(made.image)

    assert made.log == ""
    assert made.image.count(FAULT.data) == 1
    assert faulty.keys() == shipped.keys()
    assert all(looks_at_its_sm(kernel) > 0 for kernel in faulty.values())
    assert [looks_at_its_sm(kernel) for kernel in shipped.values()] == [0] * len(shipped)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_so_have_the_reads_of_memory(architecture):
    made = CompileFaulty(FAULT)("memory.cu", architecture)

    assert made.log == ""
    assert made.image.count(FAULT.data) == 1
    assert looks_at_its_sm(disassemble(made.image)["memory_read"]) > 0


@pytest.mark.slow
@pytest.mark.timeout(900)  # as many registers as a thread can have take the compiler long
def test_so_has_the_kernel_of_the_register_file():
    made = CompileFaulty(FAULT)("registers.cu", "sm_90")

    assert made.image.count(FAULT.data) == 1
    assert looks_at_its_sm(disassemble(made.image)["register_file"]) > 0
