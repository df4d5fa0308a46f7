"""What ``tests.gpu.measure`` prints, from a GPU in software."""

from __future__ import annotations

import math

import pytest
from tests.gpu import measure
from tests.gpu.processes import process_figures
from tests.gpu.sampling import Sampling
from tests.gpu.tables import Table, against
from tests.node_probes.gpus import gpu
from tests.node_probes_memory.gpus import small_gpu

from sentinel_node.device.opening import OpenSoftware
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.probes import ProbeKind
from sentinel_node.nvml.reader import NvmlReader
from sentinel_node.probes.software.device import GPU


def test_a_table_is_markdown():
    table = Table("Times", "Of one run.", ("kind", "s"), [("fma", "0.10")])

    assert str(table).splitlines() == [
        "### Times",
        "",
        "Of one run.",
        "",
        "| kind | s |",
        "| --- | --- |",
        "| fma | 0.10 |",
    ]


def test_a_figure_is_held_against_what_is_wanted():
    assert [against(0.8, 0.8), against(0.79, 0.8)] == ["met", "**NOT MET**"]
    assert against(math.nan, 0.8) == "not known"
    assert [against(60.0, 60.0, at_most=True), against(61.0, 60.0, at_most=True)] == ["met", "**NOT MET**"]


def test_marches_are_told_with_their_bytes_and_their_share_of_a_copy():
    rows = measure.memory_bandwidth(small_gpu(), copy_gb_per_s=1e6).rows

    assert [row[0] for row in rows] == ["device copy", "march_c_minus", "march_ss", "address"]
    assert {row[-1] for row in rows[1:]} == {"**NOT MET**"}
    assert all(len(row) == 6 for row in rows)


def test_a_library_that_is_missing_is_told_in_its_place():
    assert measure._of_library("fp16", 70.0, lambda _: "cuBLAS is missing") == ("cuBLAS is missing", "", "not known")
    assert measure._of_library("fp16", 70.0, lambda _: 100.0) == ("100.0", "0.70", "met")
    assert measure._of_library("fp8_e4m3", 70.0, lambda _: 100.0) == ("", "", "")


def test_a_kernel_of_hopper_is_held_against_the_library_s_product_in_its_format():
    reached = {"bf16": 140.0}

    assert measure._of_library("wgmma_bf16", 70.0, reached.__getitem__) == ("140.0", "0.50", "**NOT MET**")


def test_a_driver_that_does_not_answer_leaves_figures_untold():
    def no_bindings():
        raise Unavailable("no driver")

    with Sampling(GPU.uuid, NvmlReader(load=no_bindings)) as sampled:
        pass

    assert sampled.told("power_w") == "not told"
    assert math.isnan(sampled.median("sm_clock_mhz"))


@pytest.mark.slow
def test_every_kind_is_timed_and_so_are_all_together():
    device = gpu(sm_count=1)

    table = measure.light_suite(device, (ProbeKind.FMA, ProbeKind.AES))

    assert [row[0] for row in table.rows] == ["fma", "aes", "all"]
    assert table.rows[0][-1] == "3 of 3 SMs pass"
    assert table.rows[-1][-1] == "at most 60 s: met"


@pytest.mark.slow
def test_the_process_of_a_probe_is_timed():
    figures = [row[1] for row in process_figures(GPU, OpenSoftware(sm_count=1)).rows]

    assert len(figures) == 4
    assert float(figures[2].removesuffix(" s")) > 0
