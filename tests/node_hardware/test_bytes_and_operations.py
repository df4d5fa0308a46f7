"""The figures' arithmetic is exact: counted on the software GPU, launch by launch and result by result."""

from __future__ import annotations

import numpy as np
import pytest
from tests.gpu.arithmetic import FORMATS, launched_bytes, march_bytes, tensor_operations, tensor_rate_tflops
from tests.node_probes.gpus import runner
from tests.node_probes_memory.gpus import STRETCH_BYTES, memory_plan, small_gpu

from sentinel_node.domain.probes import Depth
from sentinel_node.probes.memory import TESTS
from sentinel_node.probes.tensor_core import TENSOR_CORE, TensorProgram
from sentinel_node.probes.wgmma import FORMATS as WGMMA_FORMATS
from sentinel_node.probes.wgmma import WgmmaProgram


class Counting:
    """Healthy, and counts the results that it gave."""

    given = 0

    def result(self, unit, words):
        assert unit == "tensor"
        self.given += words.size
        return words


@pytest.mark.parametrize("name", sorted(TESTS))
def test_a_march_over_one_stretch_moves_every_byte_once_for_each_operation(name):
    device = small_gpu()

    report = runner().run(memory_plan(name), device)

    (finding,) = report.findings
    assert finding.tested_bytes == STRETCH_BYTES
    assert march_bytes(TESTS[name], finding.tested_bytes, finding.repetitions) == launched_bytes(device.launches)


def test_so_does_a_deep_run_over_several_stretches_of_several_sizes():
    device = small_gpu(memory_bytes=60 * 1024)

    report = runner().run(memory_plan(depth=Depth.DEEP, repetitions=2), device)

    sizes = {finding.tested_bytes for finding in report.findings}
    counted = sum(march_bytes(TESTS["march_c_minus"], f.tested_bytes, f.repetitions) for f in report.findings)
    assert len(sizes) > 1
    assert counted == launched_bytes(device.launches)


def test_a_march_is_ten_twenty_two_or_four_accesses_to_each_byte():
    assert [march_bytes(TESTS[name], 1, 3) for name in ("march_c_minus", "march_ss", "address")] == [30, 66, 12]


@pytest.mark.parametrize("name", ["fp16", "int8"])
def test_a_tile_is_a_multiplication_and_an_addition_for_each_k_of_each_result(name):
    counting = Counting()

    TensorProgram(FORMATS[name])(7, np.arange(1, dtype=np.uint64), counting)

    assert tensor_operations(name) == counting.given * FORMATS[name].depth * 2


@pytest.mark.parametrize("form", [WGMMA_FORMATS[0], WGMMA_FORMATS[2]], ids=lambda form: form.name)
def test_so_is_a_warpgroup_s_product(form):
    counting = Counting()

    WgmmaProgram(form)(7, np.arange(1, dtype=np.uint64), counting)

    assert tensor_operations(f"wgmma_{form.name}") == counting.given * form.depth * 2


def test_every_format_of_the_probe_has_its_operations():
    operations = {variant.name: tensor_operations(variant.name) for variant in TENSOR_CORE.variants}

    assert operations["fp16"] == operations["bf16"] == 2 * operations["tf32"] == operations["int8"] // 2
    assert operations["fp16"] == 2**20


def test_a_rate_is_operations_over_the_time_that_the_cycles_take():
    assert tensor_rate_tflops("fp16", cycles=1024.0, sm_count=100, clock_mhz=1000.0) == pytest.approx(102.4)
