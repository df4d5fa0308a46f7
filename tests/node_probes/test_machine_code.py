"""The compiler leaves in each kernel what it is there to test; one that tests nothing is found out."""

from __future__ import annotations

from functools import cache

import pytest

from sentinel_node.probes.catalogue import variants
from sentinel_node.probes.compiling import Compiled, CompileFailed, compile_source, compile_text
from sentinel_node.probes.machine_code import Kernel, disassemble, parse_listing
from sentinel_node.probes.variant import InLoop, Variant

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
LISTING = """
	.section	.text.tidy,"ax",@progbits
.text.tidy:
        /*0000*/                   FFMA R0, R1, R2, R3 ;
.L_x_1:
        /*0010*/                   MUFU.EX2 R4, R4 ;
.L_x_0:
        /*0020*/                   FFMA.FTZ R0, R0, R2, R3 ;
        /*0030*/              @!P0 BRA `(.L_x_0) ;
        /*0040*/                   BRA.U UP0, `(.L_x_1) ;
        /*0050*/               @P1 BRA `(.L_x_3) ;
.L_x_2:
        /*0060*/                   EXIT ;
.L_x_3:
        /*0070*/                   DFMA R0, R0, R2, R4 ;
        /*0080*/                   BRA `(.L_x_2) ;
"""


def test_instructions_are_counted_by_how_many_loops_they_stand_in() -> None:
    kernel = parse_listing(LISTING)["tidy"]

    assert [each.opcode for each in kernel.in_loops(2)] == ["FFMA.FTZ", "BRA"]
    assert [each.opcode for each in kernel.in_loops(1)] == ["MUFU.EX2", "FFMA.FTZ", "BRA", "BRA.U"]


def test_code_that_jumps_back_from_behind_the_end_is_no_loop() -> None:
    assert parse_listing(LISTING)["tidy"].lacking([InLoop("DFMA", 1)]) == (
        "tidy: 0 DFMA in loops of depth 1, at least 1 wanted",
    )


def test_a_wanted_opcode_is_met_by_its_modified_forms_alone() -> None:
    need = InLoop("HMMA|QMMA", 1)

    assert [need.is_met_by(opcode) for opcode in ("HMMA", "QMMA.16832.F32", "HMMA2.1", "IMMA")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_copy_made_by_the_multiplier_is_no_multiplication() -> None:
    need = InLoop("IMAD", 1, is_exact=True)

    assert [need.is_met_by(opcode) for opcode in ("IMAD", "IMAD.MOV.U32", "IMAD.X")] == [True, False, False]


@cache
def compiled(source: str, architecture: str) -> tuple[Compiled, dict[str, Kernel]]:
    made = compile_source(source, architecture)
    return made, disassemble(made.image)


def able(variant: Variant, architecture: str) -> bool:
    number = int(architecture.removeprefix("sm_"))
    return variant.can_run_on((number // 10, number % 10))


PAIRS = sorted({(each.source, name) for each in variants() for name in ARCHITECTURES if able(each, name)})


@pytest.mark.slow
@pytest.mark.timeout(900)  # ptxas takes minutes for hundreds of registers on a loaded machine
@pytest.mark.parametrize(("source", "architecture"), PAIRS)
def test_every_kernel_compiles_without_a_warning_and_tests_what_it_says(source: str, architecture: str) -> None:
    made, kernels = compiled(source, architecture)
    meant = [each for each in variants() if each.source == source and able(each, architecture)]

    assert made.log == ""
    assert [lack for each in meant for lack in kernels[each.entry].lacking(each.instructions)] == []
    assert all(each.instructions for each in meant)


WORTHLESS = """
#include "pinned_probe.cuh"
struct Probe {
    __device__ __forceinline__ void operator()(u64 seed, u32 set, u32 (&words)[1]) const {
        float x = BEGIN, sum = 0;
        for (u32 step = 0; step < 64; ++step) sum = fmaf(sum, x, 0.5f);
        words[0] = RESULT;
    }
};
PINNED_KERNEL(probe, 32, 1, Probe())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "result"),
    [("3.0f", "__float_as_uint(sum)"), ("float(seed)", "set")],
    ids=["folded to a constant", "result not used"],
)
def test_a_kernel_whose_arithmetic_was_optimised_away_is_found_lacking(begin: str, result: str) -> None:
    text = WORTHLESS.replace("BEGIN", begin).replace("RESULT", result)

    kernel = disassemble(compile_text(text, "worthless.cu", "sm_90").image)["probe"]

    assert kernel.lacking([InLoop("FFMA", 1)]) == ("probe: 0 FFMA in loops of depth 1, at least 1 wanted",)


def test_a_source_that_does_not_compile_is_told_with_the_line() -> None:
    with pytest.raises(CompileFailed, match=r"bad\.cu\(2\)"):
        compile_text("\n__global__ void k() { nothing(); }", "bad.cu", "sm_90")
