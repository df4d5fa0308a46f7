"""Who each GPU is."""

from __future__ import annotations

import pynvml
import pytest
from tests.node_telemetry.nvml_library import NvmlLibrary

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.pci import kernel_form
from sentinel_node.nvml.reader import NvmlReader


def test_a_gpu_is_named_by_uuid_address_model_serial_and_versions(reader: NvmlReader):
    assert reader.identities()[1] == GpuIdentity(
        uuid="GPU-00000001-0000-4000-8000-000000000000",
        index=1,
        pci_bus_id="0000:2b:00.0",
        model="NVIDIA H100 80GB HBM3",
        serial="1654922006034",
        driver_version="580.95.05",
        vbios_version="96.00.74.00.01",
        memory_bytes=80 << 30,
        compute_capability=(9, 0),
        sm_count=132,
    )


def test_the_number_of_sms_is_unknown_where_the_driver_counts_no_cores(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].cores = None

    assert [gpu.sm_count for gpu in reader.identities()] == [0, 132]


def test_mig_is_told_where_it_is_on(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].mig, library.gpus[1].mig = 1, None

    assert [gpu.is_partitioned for gpu in reader.identities()] == [True, False]


def test_a_lost_gpu_is_left_out(library: NvmlLibrary, reader: NvmlReader):
    library.codes["nvmlDeviceGetUUID", 0] = pynvml.NVML_ERROR_GPU_IS_LOST

    assert [gpu.index for gpu in reader.identities()] == [1]


def test_a_serial_that_is_no_text_is_unreadable_and_harms_nothing_else(library: NvmlLibrary, reader: NvmlReader):
    library.gpus[0].serial = b"\xff\xfe"

    sample = reader.samples()[0]

    assert (sample.gpu.serial, sample.unreadable, sample.temperature_c) == ("", ("serial: not text",), 31)


def test_the_versions_of_driver_library_and_cuda_are_told(reader: NvmlReader):
    versions = reader.versions()

    assert (versions.driver, versions.library, versions.cuda) == ("580.95.05", "13.580.95.05", "13.0")


@pytest.mark.parametrize(
    ("spelt", "expected"),
    [
        pytest.param("00000000:9B:00.0", "0000:9b:00.0", id="driver library"),
        pytest.param("0000:9b:00", "0000:9b:00.0", id="Xid line"),
        pytest.param("9b:00.1", "0000:9b:00.1", id="old line"),
        pytest.param("00010000:01:00.0", "10000:01:00.0", id="domain of five digits"),
        pytest.param("GPU-1", "", id="no address"),
    ],
)
def test_an_address_has_one_spelling(spelt: str, expected: str):
    assert kernel_form(spelt) == expected
