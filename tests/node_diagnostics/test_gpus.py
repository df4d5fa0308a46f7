"""`gpus`: every GPU that is plugged in, and whether the driver has it."""

from __future__ import annotations

import pynvml
from tests.node_diagnostics.conftest import GPU_0, UUID_0, UUID_1, Tree, told
from tests.node_telemetry.nvml_library import NvmlLibrary

from sentinel_node.diagnostics.catalogue import NamedChecks
from sentinel_node.domain.diagnosis import Status


def test_each_gpu_is_told_with_what_names_it(checks: NamedChecks):
    observation = checks.diagnose("gpus").observations[0]

    assert (observation.subject, observation.status) == (UUID_0, Status.OK)
    assert told(observation)["pci_bus_id"] == GPU_0
    assert told(observation)["serial"] == "1654922006034"


def test_a_gpu_on_the_bus_that_the_driver_does_not_list_is_bad(checks: NamedChecks, tree: Tree):
    tree.plug("0000:3b:00.0")

    observation = checks.diagnose("gpus").observations[-1]

    assert (observation.status, observation.subject) == (Status.BAD, "0000:3b:00.0")
    assert "driver does not list it" in observation.text


def test_a_gpu_that_reads_as_all_ones_has_fallen_off_the_bus(checks: NamedChecks, tree: Tree):
    tree.plug("0000:3b:00.0", config=b"\xff" * 64)

    assert "all ones" in checks.diagnose("gpus").observations[-1].text


def test_a_gpu_given_to_a_virtual_machine_is_not_missing(checks: NamedChecks, tree: Tree):
    tree.plug("0000:3b:00.0")
    device = tree.root / "sys/bus/pci/devices/0000:3b:00.0"
    (tree.root / "sys/bus/pci/drivers/vfio-pci").mkdir()
    (device / "driver").unlink()
    (device / "driver").symlink_to(tree.root / "sys/bus/pci/drivers/vfio-pci")

    assert checks.diagnose("gpus").status is Status.OK


def test_a_gpu_that_the_driver_lists_and_the_bus_lacks_is_bad(checks: NamedChecks, tree: Tree):
    (tree.root / "sys/bus/pci/devices" / GPU_0).unlink()

    observation = checks.diagnose("gpus").observations[0]

    assert (observation.status, observation.text) == (
        Status.BAD,
        "The driver lists it, but it is not on the PCI bus.",
    )


def test_a_lost_gpu_is_bad_in_the_drivers_word(checks: NamedChecks, library: NvmlLibrary):
    library.codes["nvmlDeviceGetClockInfo", 1] = pynvml.NVML_ERROR_GPU_IS_LOST

    observation = checks.diagnose("gpus").observations[1]

    assert (observation.status, observation.subject) == (Status.BAD, UUID_1)
    assert observation.text == "The driver has lost it: GPU is lost."


def test_a_gpu_that_asks_for_a_reset_is_bad(checks: NamedChecks, library: NvmlLibrary):
    library.gpus[0].fields[230] = 1

    assert checks.diagnose("gpus").observations[0].text == "The driver asks for recovery: gpu_reset."


def test_a_field_that_cannot_be_read_is_a_warning(checks: NamedChecks, library: NvmlLibrary):
    library.codes["nvmlDeviceGetPowerUsage", 0] = pynvml.NVML_ERROR_UNKNOWN

    observation = checks.diagnose("gpus").observations[0]

    assert (observation.status, told(observation)["unreadable"]) == (Status.WARNING, "power_w: Unknown Error")


def test_without_a_driver_the_bus_is_told_and_nothing_is_called_missing(checks: NamedChecks, library: NvmlLibrary):
    library.init_codes = [pynvml.NVML_ERROR_DRIVER_NOT_LOADED]

    diagnosis = checks.diagnose("gpus")

    assert [observation.status for observation in diagnosis.observations] == [Status.UNKNOWN] * 3
    assert "modprobe nvidia" in diagnosis.observations[-1].text
