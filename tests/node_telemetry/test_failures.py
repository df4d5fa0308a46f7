"""What fails, and how far it spreads: one field, one GPU, or the whole driver."""

from __future__ import annotations

import pynvml
import pytest
from tests.node_telemetry.nvml_library import NvmlLibrary

from sentinel_node.domain.errors import Unavailable
from sentinel_node.nvml.errors import Trouble, trouble_of
from sentinel_node.nvml.reader import NvmlReader

CODES = sorted(
    value for name, value in vars(pynvml).items() if name.startswith("NVML_ERROR_") and isinstance(value, int)
)


def test_a_failing_field_is_named_with_the_drivers_word_and_the_others_are_read(
    library: NvmlLibrary, reader: NvmlReader
):
    library.codes["nvmlDeviceGetPowerUsage", 0] = pynvml.NVML_ERROR_UNKNOWN

    sample = reader.samples()[0]

    assert (sample.power_w, sample.unreadable) == (None, ("power_w: Unknown Error",))
    assert (sample.power_limit_w, sample.temperature_c) == (700.0, 31)


def test_a_failing_field_value_is_named_too(library: NvmlLibrary, reader: NvmlReader):
    library.codes["field 82", 0] = pynvml.NVML_ERROR_TIMEOUT

    sample = reader.samples()[0]

    assert (sample.memory_temperature_c, sample.unreadable) == (None, ("memory_temperature_c: Timeout",))
    assert sample.recovery_action == "none"


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_UNKNOWN, pynvml.NVML_ERROR_NOT_SUPPORTED])
def test_a_driver_that_cannot_count_its_gpus_does_not_have_none(library: NvmlLibrary, reader: NvmlReader, code: int):
    library.codes["nvmlDeviceGetCount_v2", None] = code

    with pytest.raises(Unavailable, match="cannot be asked"):
        reader.samples()
    with pytest.raises(Unavailable, match="cannot be asked"):
        reader.identities()


def test_a_gpu_lost_from_the_start_says_so_and_the_others_are_read(library: NvmlLibrary, reader: NvmlReader):
    library.codes["nvmlDeviceGetHandleByIndex_v2", 0] = pynvml.NVML_ERROR_GPU_IS_LOST

    lost, other = reader.samples()

    assert (lost.lost, lost.gpu.index, lost.gpu.uuid, lost.temperature_c) == ("GPU is lost", 0, "", None)
    assert (other.lost, other.temperature_c) == ("", 31)


def test_a_gpu_lost_while_it_is_read_keeps_its_name(library: NvmlLibrary, reader: NvmlReader):
    library.codes["nvmlDeviceGetClockInfo", 1] = pynvml.NVML_ERROR_GPU_IS_LOST

    lost = reader.samples()[1]

    assert (lost.lost, lost.gpu.pci_bus_id, lost.power_w) == ("GPU is lost", "0000:2b:00.0", None)


def test_after_the_driver_was_reloaded_the_library_is_opened_anew(library: NvmlLibrary, reader: NvmlReader):
    reader.samples()
    library.is_open = False

    assert (len(reader.samples()), library.opened) == (2, 2)


def test_a_driver_that_was_upgraded_below_us_asks_for_a_restart(library: NvmlLibrary, reader: NvmlReader):
    library.init_codes = [pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH]

    with pytest.raises(Unavailable, match="upgraded below this process.*restart sentinel-node"):
        reader.samples()


def test_a_driver_that_stays_stale_is_unavailable(library: NvmlLibrary, reader: NvmlReader):
    library.codes["nvmlDeviceGetCount_v2", None] = pynvml.NVML_ERROR_DRIVER_NOT_LOADED

    with pytest.raises(Unavailable, match="Driver Not Loaded; the kernel module nvidia is not loaded"):
        reader.samples()


def test_what_was_missing_and_came_is_used(library: NvmlLibrary, reader: NvmlReader):
    library.init_codes = [pynvml.NVML_ERROR_DRIVER_NOT_LOADED]

    with pytest.raises(Unavailable):
        reader.samples()

    assert len(reader.samples()) == 2


@pytest.mark.parametrize("code", CODES)
def test_no_error_of_a_field_escapes(library: NvmlLibrary, reader: NvmlReader, code: int):
    library.codes["nvmlDeviceGetFanSpeed", 0] = code

    if trouble_of(code) is Trouble.STALE:
        with pytest.raises(Unavailable):
            reader.samples()
    else:
        assert len(reader.samples()) == 2


@pytest.mark.parametrize("code", CODES)
def test_no_error_of_opening_escapes(library: NvmlLibrary, reader: NvmlReader, code: int):
    library.init_codes = [code]

    with pytest.raises(Unavailable, match="^the NVIDIA driver cannot be asked: "):
        reader.samples()


def test_released_gpus_are_taken_again_by_the_next_reading(library: NvmlLibrary, reader: NvmlReader):
    reader.samples()

    reader.release()

    assert not library.is_open
    assert len(reader.samples()) == 2
