"""`nvlinks`, `memory_errors`, `clocks` and `fabric`: what is judged, and how gravely."""

from __future__ import annotations

import pytest
from tests.node_diagnostics.conftest import told
from tests.node_telemetry.nvml_library import Gpu, Link, NvmlLibrary

from sentinel_node.diagnostics.catalogue import NamedChecks
from sentinel_node.domain.diagnosis import Status


def test_an_inactive_link_among_active_ones_is_bad(checks: NamedChecks, library: NvmlLibrary):
    library.gpus[0].links[3].active = 0

    observation = checks.diagnose("nvlinks").observations[0]

    assert (observation.status, observation.text) == (Status.BAD, "17 of 18 links are active.")
    assert told(observation)["inactive_links"] == "3"


def test_a_gpu_whose_links_are_all_down_is_bad_where_a_siblings_are_up(checks: NamedChecks, library: NvmlLibrary):
    for link in library.gpus[0].links:
        link.active = 0

    first, second = checks.diagnose("nvlinks").observations

    assert (first.status, second.status) == (Status.BAD, Status.OK)


def test_links_that_are_down_on_all_siblings_are_not_connected(checks: NamedChecks, library: NvmlLibrary):
    for gpu in library.gpus:
        gpu.links = [Link(active=0) for _ in range(4)]

    assert checks.diagnose("nvlinks").status is Status.OK


def test_one_replay_is_a_warning_and_crc_errors_alone_are_not(checks: NamedChecks, library: NvmlLibrary):
    library.gpus[0].links[0].fields[161] = 1
    library.gpus[1].links[0].fields[163] = 1

    assert [seen.status for seen in checks.diagnose("nvlinks").observations] == [Status.WARNING, Status.OK]


@pytest.mark.parametrize(
    ("gpu", "status"),
    [
        pytest.param(Gpu(0, remapped=(0, 1, 0, 1)), Status.BAD, id="remap failed"),
        pytest.param(Gpu(0, sram={"bThresholdExceeded": 1}), Status.BAD, id="SRAM threshold"),
        pytest.param(Gpu(0, retired={0: list(range(60)), 1: [1, 2, 3]}), Status.BAD, id="63 pages"),
        pytest.param(Gpu(0, ecc={(1, 0, 7): 1}), Status.WARNING, id="uncorrected since loading"),
        pytest.param(Gpu(0, remapped=(0, 1, 1, 0)), Status.WARNING, id="remap pending"),
        pytest.param(Gpu(0, spare_rows=(0, 0, 0, 0, 1)), Status.WARNING, id="bank exhausted"),
        pytest.param(Gpu(0, ecc={(0, 0, 2): 9000}), Status.OK, id="corrected only"),
        pytest.param(Gpu(0, ecc={(1, 1, 7): 1}), Status.OK, id="uncorrected long ago"),
        pytest.param(Gpu(0, remapped=(0, 2, 0, 0)), Status.OK, id="remapped and done"),
    ],
)
def test_memory_is_judged_by_what_is_left_to_repair(
    checks: NamedChecks, library: NvmlLibrary, gpu: Gpu, status: Status
):
    library.gpus[0] = gpu

    assert checks.diagnose("memory_errors").observations[0].status is status


def test_a_gpu_without_ecc_is_unknown(checks: NamedChecks, library: NvmlLibrary):
    library.gpus[0] = Gpu(0, ecc_places=(), remapped=None, sram=None)
    library.codes["nvmlDeviceGetRowRemapperHistogram", 0] = 3

    assert checks.diagnose("memory_errors").observations[0].status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("bits", "status"),
    [
        pytest.param(0x7, Status.OK, id="idle, settings, power cap"),
        pytest.param(0x20, Status.WARNING, id="software thermal"),
        pytest.param(0x48, Status.BAD, id="hardware thermal"),
        pytest.param(0x80, Status.BAD, id="power brake"),
    ],
)
def test_clocks_are_judged_by_what_holds_them_down(
    checks: NamedChecks, library: NvmlLibrary, bits: int, status: Status
):
    library.gpus[0].numbers["nvmlDeviceGetCurrentClocksEventReasons"] = bits

    assert checks.diagnose("clocks").observations[0].status is status


def test_a_power_limit_below_a_siblings_is_a_warning(checks: NamedChecks, library: NvmlLibrary):
    library.gpus[1].numbers["nvmlDeviceGetEnforcedPowerLimit"] = 400_000

    observation = checks.diagnose("clocks").observations[1]

    assert (observation.status, observation.text) == (
        Status.WARNING,
        "Its power limit is below a sibling's 700 W.",
    )


def test_clocks_whose_reasons_cannot_be_read_are_unknown(checks: NamedChecks, library: NvmlLibrary):
    library.codes["nvmlDeviceGetCurrentClocksEventReasons", 0] = 999

    assert checks.diagnose("clocks").observations[0].status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("fabric", "status"),
    [
        pytest.param({"state": 0}, Status.OK, id="no fabric"),
        pytest.param({"state": 1}, Status.BAD, id="not started"),
        pytest.param({"state": 2}, Status.WARNING, id="in progress"),
        pytest.param({"state": 3, "status": 999}, Status.BAD, id="failed"),
        pytest.param({"state": 3, "healthMask": 0x1}, Status.BAD, id="degraded bandwidth"),
        pytest.param(None, Status.UNKNOWN, id="not told"),
    ],
)
def test_the_fabric_is_judged_by_registration_and_health(
    checks: NamedChecks, library: NvmlLibrary, fabric: dict[str, int] | None, status: Status
):
    library.gpus[0].fabric = fabric

    assert checks.diagnose("fabric").observations[0].status is status
