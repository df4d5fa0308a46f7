"""The Hopper kernels: operands lie where their descriptors say, sums are exact, and nothing they find is a verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.node_probes.gpus import UNPROVEN, VARIANTS, finding, name_of, outcomes, plan, run, runner
from tests.node_probes.on_cpu.device import CpuDevice, build, compiler

from sentinel_node.domain.errors import Invalid
from sentinel_node.domain.probes import Outcome, ProbeKind, ProbePlan
from sentinel_node.probes.compiling import target_of
from sentinel_node.probes.formats import F64, Format
from sentinel_node.probes.pinned import PinnedProbe
from sentinel_node.probes.record import Words
from sentinel_node.probes.runner import choose
from sentinel_node.probes.session import Probe
from sentinel_node.probes.silicon import HEALTHY
from sentinel_node.probes.software.device import GPU
from sentinel_node.probes.software.faults import DeadSm, FlippedLane, Moved, StuckBit
from sentinel_node.probes.tensor_core import TENSOR_CORE
from sentinel_node.probes.variant import Dose, Variant
from sentinel_node.probes.wgmma import (
    B_BEGIN,
    CHUNKS,
    FORMATS,
    SHARED_BYTES,
    Operands,
    WgmmaProgram,
    a_descriptor,
    b_descriptor,
)
from sentinel_node.probes.wgmma_layout import COLUMNS, ROWS, Descriptor, fragments

SETS = np.arange(4, dtype=np.uint64)
FP16 = FORMATS[0]
each_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
quick_and_slow = pytest.mark.parametrize(
    "form",
    [pytest.param(each, id=each.name, marks=pytest.mark.slow if each.elements > 2 else ()) for each in FORMATS],
)


def test_the_manual_s_example_of_a_layout_without_swizzling_is_read_as_it_says() -> None:
    """PTX ISA, tf32: ((8,2),(4,4)):((4,32),(1,64)), so offsets of 64 and 32 elements, encoded as 16 and 8."""
    bits = 16 << 16 | 8 << 32
    element = np.array([[row % 8 * 4 + row // 8 * 32 + k % 4 + k // 4 * 64 for k in range(8)] for row in range(16)])

    assert Descriptor.of(bits) == Descriptor(0, 64 * 4, 32 * 4)
    assert (Descriptor.of(bits).addresses(16)[:, ::4] == 4 * element).all()


def test_a_descriptor_is_refused_that_asks_for_swizzling_or_means_nothing() -> None:
    for bit in (14, 30, 46, 49, 62, 63):
        with pytest.raises(ValueError, match="without swizzling"):
            Descriptor.of(a_descriptor(0, 0) | 1 << bit)


@each_format
def test_descriptors_find_the_rows_that_were_meant(form: Format) -> None:
    operands = Operands(form, 5, SETS)
    shared, a, b = operands.shared(), operands.a(), operands.b()

    for chunk in range(CHUNKS):
        k = slice(8 * chunk, 8 * chunk + 8)
        assert (Descriptor.of(b_descriptor(chunk)).read(shared, COLUMNS) == b[..., k]).all()
        for group in (0, 1):
            rows = slice(ROWS * group, ROWS * group + ROWS)
            assert (Descriptor.of(a_descriptor(group, chunk)).read(shared, ROWS) == a[:, rows, k]).all()


@pytest.mark.parametrize("swapped", ["along_k", "along_rows", "both"])
def test_a_descriptor_with_another_offset_finds_other_rows(swapped: str) -> None:
    operands, right = Operands(FP16, 5, SETS), Descriptor.of(b_descriptor(1))
    wrong = {
        "along_k": replace(right, along_k=256),
        "along_rows": replace(right, along_rows=128),
        "both": replace(right, along_k=right.along_rows, along_rows=right.along_k),
    }[swapped]

    assert (wrong.read(operands.shared(), COLUMNS) != operands.b()[..., 8:16]).any()


def test_every_byte_of_shared_memory_belongs_to_one_operand() -> None:
    tiles = [(a_descriptor(group, chunk), ROWS) for group in (0, 1) for chunk in range(CHUNKS)]
    tiles += [(b_descriptor(chunk), COLUMNS) for chunk in range(CHUNKS)]

    addresses = np.sort(np.concatenate([Descriptor.of(bits).addresses(rows).reshape(-1) for bits, rows in tiles]))

    assert (addresses == np.arange(SHARED_BYTES)).all()
    assert B_BEGIN % 128 == 0


def test_accumulators_are_those_of_the_manual_s_figure() -> None:
    """Lane 4g + t of warp w: rows 16w + g and 16w + g + 8, of every 8 columns 2t and 2t + 1."""
    tile = np.arange(2 * ROWS * COLUMNS).reshape(1, 2, ROWS, COLUMNS)

    held = fragments(tile)[:, 0]

    thread = 128 + 32 * 3 + 4 * 5 + 2  # of the second warpgroup: warp 3, g = 5, t = 2
    places = [(1, 53, 4), (1, 53, 5), (1, 61, 4), (1, 61, 5), (1, 53, 12)]
    assert held[:5, thread].tolist() == [tile[0][place] for place in places]
    assert held[127, thread] == tile[0, 1, 61, 253]


def whole(form: Format, words: Words) -> F64:
    values: F64 = form.values(words).reshape(*words.shape[:2], -1)
    return values


@quick_and_slow
def test_what_is_left_is_the_product_of_the_whole_matrices(form: Format) -> None:
    """Computed in float64 from the operands themselves: without shared memory, chunks or turns."""
    operands = Operands(form, 9, SETS)
    a, b = whole(form, operands.a()), whole(form, operands.b())
    if not form.exponent_bits:  # integers are added in every turn: T(0), and twice all 4 T for every 4 pairs
        columns = b.reshape(len(SETS), COLUMNS, CHUNKS, -1)
        b = b + 2 * np.sum([np.roll(columns, -pair, axis=2) for pair in (1, 2, 3, 0)], axis=0).reshape(b.shape)
    due = (a @ np.swapaxes(b, 1, 2)).astype(np.float32 if form.exponent_bits else np.int32)

    words = WgmmaProgram(form, pairs=4)(9, SETS, HEALTHY).reshape(len(SETS), 9, 256)

    held = fragments(due.reshape(len(SETS), 2, ROWS, COLUMNS) + due.dtype.type(0)).view(np.uint32)
    xors = np.bitwise_xor.reduce(held.reshape(8, 16, len(SETS), 256), axis=1)
    assert (words[:, :8] == np.swapaxes(xors, 0, 1)).all()


@quick_and_slow
def test_no_partial_sum_leaves_what_every_adder_holds(form: Format) -> None:
    """Two T of all absolute values stay within 2**22 units, or 2**13 in eight bits, where Hopper keeps 14."""
    operands = Operands(form, 5, SETS)
    a, b = whole(form, operands.a()), whole(form, operands.b())
    unit = _unit(a)[:, :, None] * _unit(b)[:, None, :]

    most = 2 * max(
        (
            np.abs(a)
            @ np.swapaxes(np.roll(np.abs(b).reshape(*b.shape[:2], CHUNKS, -1), pair, axis=2).reshape(b.shape), 1, 2)
            / unit
        ).max()
        for pair in range(CHUNKS)
    )

    assert most <= (2**13 if form.exponent_bits and form.width == 8 else 2**22)


def _unit(rows: F64) -> F64:
    """The largest power of two of which all of a row's elements are multiples."""
    mantissa, exponent = np.frexp(rows)
    scaled = np.ldexp(mantissa, 24).astype(np.int64)
    units: F64 = np.where(rows == 0, np.inf, np.ldexp((scaled & -scaled).astype(np.float64), exponent - 24))
    least: F64 = units.min(axis=-1)
    return least


@pytest.mark.parametrize("form", FORMATS[:-1], ids=lambda form: form.name)
def test_no_operand_is_denormal_infinite_or_nan(form: Format) -> None:
    operands = Operands(form, 5, np.arange(64, dtype=np.uint64))
    shifts = np.arange(form.elements, dtype=np.uint32) * np.uint32(form.width)
    both = np.concatenate([operands.a().reshape(-1), operands.b().reshape(-1)])
    bits = (both[:, None] >> shifts & np.uint32((1 << form.width) - 1)).reshape(-1)
    field = bits >> np.uint32(form.mantissa_bits) & np.uint32((1 << form.exponent_bits) - 1)

    assert ((field > 0) | (bits == 0)).all()
    assert field.max() < (1 << form.exponent_bits) - 1


def test_a_kind_without_a_name_leaves_unproven_kernels_out() -> None:
    choice = choose(ProbePlan(ProbeKind.TENSOR_CORE, GPU.uuid), TENSOR_CORE.variants, GPU)

    assert [each.name for each in choice.variants] == [
        each.name for each in VARIANTS if each.kind is ProbeKind.TENSOR_CORE
    ]
    assert choice.notes == ()


@pytest.mark.parametrize("capability", [(8, 0), (8, 9), (10, 0), (12, 0)])
def test_they_are_refused_on_a_gpu_that_is_not_hopper(capability: tuple[int, int]) -> None:
    asked = ProbePlan(ProbeKind.TENSOR_CORE, GPU.uuid, "wgmma_fp16")

    with pytest.raises(Invalid, match="sm_90 and no later one"):
        choose(asked, TENSOR_CORE.variants, replace(GPU, compute_capability=capability))


def test_they_are_compiled_for_hopper_s_own_instructions_and_all_others_for_the_gpu() -> None:
    assert {target_of(each.source, "sm_90") for each in UNPROVEN} == {"sm_90a"}
    assert {target_of(each.source, "sm_90") for each in VARIANTS} == {"sm_90"}


def small(variant: Variant) -> Variant:
    """With two pairs of sums, as the CPU is slow, and twice the sets."""
    assert isinstance(variant.program, WgmmaProgram)
    return replace(variant, program=replace(variant.program, pairs=2), light=Dose(sets=8, repetitions=8))


@pytest.mark.parametrize("fault", [StuckBit(1, bit=20), DeadSm(1), FlippedLane(1, lane=7, mask=4)], ids=repr)
def test_what_they_find_wrong_is_told_as_an_error_and_never_fails_an_sm(fault: object) -> None:
    report = run(plan(UNPROVEN[2], repetitions=1), fault, sm_count=2)

    assert outcomes(report) == {0: Outcome.PASS, 1: Outcome.ERROR}
    assert "gives no verdict" in finding(report, 1).reason
    assert "wrong words" in finding(report, 1).reason
    assert finding(report, 1).mismatch is None


def test_wrong_words_of_a_block_that_moved_warn_nobody_and_all_failing_raises_no_doubt_about_the_host() -> None:
    report = run(plan(UNPROVEN[2], repetitions=1), Moved(1), StuckBit(1, bit=20), StuckBit(0, bit=20), sm_count=2)

    assert report.unplaced == ()
    assert [note for note in report.notes if "wrong words" in note and "gives no verdict" not in note] == []
    assert [note for note in report.notes if "moved from SM 1" in note]
    assert not [note for note in report.notes if "every SM failed" in note]
    assert not any(finding.is_proven for finding in report.findings)


@pytest.mark.slow
@pytest.mark.parametrize("variant", UNPROVEN, ids=name_of)
def test_a_healthy_sm_passes_with_any_seed(variant: Variant) -> None:
    for seed in (0, 1, 2**63, 2**64 - 1):
        assert run(plan(variant, seed=seed, repetitions=8), sm_count=2).outcome is Outcome.PASS


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(compiler() is None, reason="no C++ compiler here: kernels' text is not run on the CPU")
@pytest.mark.parametrize("variant", UNPROVEN, ids=name_of)
def test_the_kernel_computes_what_its_twin_does_and_sees_a_stuck_bit(variant: Variant, tmp_path: Path) -> None:
    library = build(variant.source, tmp_path, "-DPAIRS=2")
    probes: dict[ProbeKind, Probe] = {variant.kind: PinnedProbe(variant.kind, (small(variant),))}
    few = replace(runner(), probes=probes)

    healthy = few.run(plan(variant, repetitions=7), CpuDevice(library))
    faulty = few.run(plan(variant, repetitions=1), CpuDevice(library, faulty_sm=1, stuck_bits=1 << 9))

    assert {(each.outcome, each.repetitions) for each in healthy.findings} == {(Outcome.PASS, 7)}
    assert outcomes(faulty) == {0: Outcome.PASS, 1: Outcome.ERROR, 2: Outcome.PASS}
