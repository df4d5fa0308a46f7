"""How a GPU stands with its NVLink fabric."""

from __future__ import annotations

import pynvml
import pytest
from tests.node_telemetry.nvml_library import NvmlLibrary

from sentinel_node.nvml.reader import NvmlReader


def test_a_registered_gpu_tells_its_clique(reader: NvmlReader):
    fabric = reader.fabric()[0]

    assert (fabric.state, fabric.error, fabric.clique_id, fabric.troubles) == ("completed", "", 1, ())


def test_a_failed_registration_tells_the_drivers_word(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].fabric = {"state": 3, "status": pynvml.NVML_ERROR_INSUFFICIENT_RESOURCES}

    assert reader.fabric()[0].error == "Error 23"


@pytest.mark.parametrize(("state", "name"), [(0, "not_supported"), (1, "not_started"), (2, "in_progress")])
def test_the_other_states_are_told_by_name(library: NvmlLibrary, reader: NvmlReader, state: int, name: str):
    library.gpus[0].fabric = {"state": state}

    assert reader.fabric()[0].state == name


@pytest.mark.parametrize(
    ("mask", "troubles"),
    [
        pytest.param(0b10101010, (), id="all well"),
        pytest.param(0b10101001, ("degraded_bandwidth",), id="bandwidth"),
        pytest.param(0b01011010, ("route_unhealthy", "access_timeout_recovery"), id="routes"),
        pytest.param(0x5 << 8, ("insufficient_nvlinks",), id="configuration"),
    ],
)
def test_complaints_of_the_health_mask_are_named(
    library: NvmlLibrary, reader: NvmlReader, mask: int, troubles: tuple[str, ...]
):
    library.gpus[0].fabric = {"state": 3, "healthMask": mask}

    assert reader.fabric()[0].troubles == troubles


def test_a_driver_without_the_question_leaves_the_state_empty(library: NvmlLibrary, reader: NvmlReader):
    library.absent.add("nvmlDeviceGetGpuFabricInfoV")

    assert reader.fabric()[0].state == ""


def test_a_lost_gpu_is_said_to_be(library: NvmlLibrary, reader: NvmlReader):
    library.codes["nvmlDeviceGetGpuFabricInfoV", 1] = pynvml.NVML_ERROR_GPU_IS_LOST

    assert [fabric.unreadable for fabric in reader.fabric()] == ["", "GPU is lost"]
