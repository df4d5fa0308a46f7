"""What is read of a GPU at one moment."""

from __future__ import annotations

import pynvml
import pytest
from tests.node_telemetry.conftest import NOW_NS
from tests.node_telemetry.nvml_library import NvmlLibrary

from sentinel_node.domain.telemetry import EccErrors
from sentinel_node.nvml.reader import NvmlReader


def test_a_sample_tells_heat_power_load_clocks_and_its_moment(reader: NvmlReader):
    sample = reader.samples()[0]

    assert (sample.unix_ns, sample.temperature_c, sample.memory_temperature_c) == (NOW_NS, 31, 40)
    assert (sample.power_w, sample.power_limit_w) == (71.25, 700.0)
    assert (sample.utilization_pct, sample.memory_utilization_pct, sample.memory_used_bytes) == (97, 41, 3 << 30)
    assert (sample.sm_clock_mhz, sample.memory_clock_mhz) == (345, 2619)
    assert (sample.pcie_generation, sample.pcie_width, sample.pcie_replays) == (5, 16, 0)
    assert (sample.recovery_action, sample.unreadable, sample.lost) == ("none", (), "")


def test_what_a_gpu_does_not_have_is_none_and_no_error(reader: NvmlReader):
    sample = reader.samples()[0]

    assert (sample.fan_speed_pct, sample.memory_errors.retired_pages, sample.unreadable) == (None, None, ())


def test_an_older_driver_is_asked_by_its_older_function(library: NvmlLibrary, reader: NvmlReader):
    library.absent.add("nvmlDeviceGetTemperatureV")

    assert reader.samples()[0].temperature_c == 32


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [
        pytest.param(0, (), id="free"),
        pytest.param(0x44, ("sw_power_cap", "hw_thermal_slowdown"), id="two"),
        pytest.param(0x80, ("hw_power_brake_slowdown",), id="power brake"),
        pytest.param(1 << 20, ("bit_20",), id="newer than this table"),
    ],
)
def test_clock_event_reasons_are_told_by_name(
    library: NvmlLibrary, reader: NvmlReader, bits: int, reasons: tuple[str, ...]
):
    library.gpus[0].numbers["nvmlDeviceGetCurrentClocksEventReasons"] = bits

    assert reader.samples()[0].clock_event_reasons == reasons


@pytest.mark.parametrize(
    ("value", "action"),
    [(0, "none"), (1, "gpu_reset"), (4, "drain_and_reset"), (7, "system_reboot"), (40, "action_40")],
)
def test_the_recovery_action_is_told_by_name(library: NvmlLibrary, reader: NvmlReader, value: int, action: str):
    library.gpus[0].fields[230] = value

    assert reader.samples()[0].recovery_action == action


def test_ecc_errors_are_told_by_place_and_by_age(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].ecc = {(0, 0, 7): 1, (1, 0, 7): 2, (0, 0, 2): 3, (1, 0, 2): 4, (0, 1, 7): 5, (1, 1, 2): 1 << 40}

    errors = reader.samples()[0].memory_errors

    assert (errors.sram_volatile, errors.dram_volatile) == (EccErrors(1, 2), EccErrors(3, 4))
    assert (errors.sram_aggregate, errors.dram_aggregate) == (EccErrors(5, 0), EccErrors(0, 1 << 40))


def test_boards_that_count_by_cache_have_the_caches_summed(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].ecc_places, library.gpus[1].ecc_places = (0, 1, 2, 3), ()
    library.gpus[0].ecc = {(0, 0, 1): 3, (0, 0, 3): 4}

    first, second = reader.samples()

    assert first.memory_errors.sram_volatile.corrected == 7
    assert second.memory_errors.sram_volatile == EccErrors(None, None)


def test_remapped_rows_and_what_is_left_of_the_spare_ones_are_told(library: NvmlLibrary, reader: NvmlReader):
    gpu = library.gpus[0]
    gpu.remapped, gpu.spare_rows, gpu.sram = (3, 2, 1, 0), (2557, 0, 2, 0, 1), {"bThresholdExceeded": 1}

    errors = reader.samples()[0].memory_errors

    assert (errors.remapped_corrected_rows, errors.remapped_uncorrected_rows) == (3, 2)
    assert (errors.is_remap_pending, errors.has_remap_failed) == (True, False)
    assert (errors.banks_without_spare_rows, errors.is_sram_threshold_exceeded) == (1, True)


def test_retired_pages_of_both_causes_are_counted(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].retired = {0: [0x1000, 0x2000], 1: [0x3000]}
    library.gpus[0].numbers["nvmlDeviceGetRetiredPagesPendingStatus"] = 1

    errors = reader.samples()[0].memory_errors

    assert (errors.retired_pages, errors.pending_retired_pages) == (3, 1)


def test_who_computes_on_a_gpu_is_told_in_order(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[1].processes = [7300, 41, 7300]

    assert [sample.compute_processes for sample in reader.samples()] == [(), (41, 7300)]


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_NOT_SUPPORTED])
def test_a_driver_that_does_not_list_processes_does_not_say_that_there_are_none(
    library: NvmlLibrary, reader: NvmlReader, code: int
):
    library.codes["nvmlDeviceGetComputeRunningProcesses_v3", 0] = code

    first, second = reader.samples()

    assert (first.compute_processes, first.unreadable) == (None, ("compute_processes: the driver does not tell",))
    assert (second.compute_processes, second.unreadable) == ((), ())


def test_a_list_of_mps_clients_that_fails_leaves_processes_unknown(library: NvmlLibrary, reader: NvmlReader):
    library.codes["nvmlDeviceGetMPSComputeRunningProcesses_v3", None] = pynvml.NVML_ERROR_UNKNOWN

    sample = reader.samples()[0]

    assert sample.compute_processes is None
    assert sample.unreadable == ("mps_processes: Unknown Error",)


def test_mps_clients_compute_as_well(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].processes, library.gpus[0].mps_processes = [41], [43, 42]

    assert reader.samples()[0].compute_processes == (41, 42, 43)
