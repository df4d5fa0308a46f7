"""`pcie_links` and `pcie_errors`, from sysfs."""

from __future__ import annotations

import pytest
from tests.node_diagnostics.conftest import GPU_0, Tree, told

from sentinel_node.diagnostics.catalogue import NamedChecks
from sentinel_node.diagnostics.pcie import error_observations, link_observations
from sentinel_node.domain.diagnosis import Observation, Status
from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.machine import AerTotals, LinkState, PciDevice
from sentinel_node.kernel.pci_devices import read_devices

WHOLE = LinkState(32.0, 16)


def _device(link: LinkState = WHOLE, aer: AerTotals | None = None, above: LinkState = WHOLE) -> PciDevice:
    port = PciDevice("0000:1b:01.0", 0x1000, 0, 0x0604, link_max=above, aer=AerTotals({}, {}, {}))
    counters = aer or AerTotals({}, {}, {})
    return PciDevice(GPU_0, 0x10DE, 0x2330, 0x0302, "nvidia", True, link, WHOLE, counters, port)


def test_a_lost_lane_is_bad_and_told_in_numbers(checks: NamedChecks, tree: Tree):
    tree.plug("0000:3b:00.0", current_link_width="8")

    observation = checks.diagnose("pcie_links").observations[-1]

    assert (observation.status, observation.text) == (Status.BAD, "The link has 8 lanes of 16.")
    assert told(observation)["width_expected"] == "16"


def test_what_the_slot_cannot_give_is_no_fault_of_the_card():
    device = _device(LinkState(16.0, 8), above=LinkState(16.0, 8))

    assert _link(device).status is Status.OK


def test_a_link_that_tells_nothing_is_unknown():
    assert _link(_device(LinkState(None, None))).status is Status.UNKNOWN


def test_a_slow_link_of_unknown_load_is_unknown():
    assert _link(_device(LinkState(2.5, 16))).status is Status.UNKNOWN


def test_a_slow_link_of_a_working_gpu_is_a_warning_of_an_idle_one_not(checks: NamedChecks, tree: Tree, library):
    for address in (GPU_0,):
        tree.write(f"sys/bus/pci/devices/{address}/current_link_speed", "2.5 GT/s PCIe")

    working = checks.diagnose("pcie_links").observations[0]
    library.gpus[0].load = 0

    assert (working.status, working.text) == (Status.WARNING, "The link runs at 2.5 of 32 GT/s though the GPU works.")
    assert checks.diagnose("pcie_links").observations[0].status is Status.OK


@pytest.mark.parametrize(
    ("aer", "status"),
    [
        pytest.param(AerTotals({"RxErr": 0}, {"DLP": 0}, {"DLP": 0}), Status.OK, id="none"),
        pytest.param(AerTotals({"RxErr": 300}, {}, {}), Status.OK, id="30 a minute"),
        pytest.param(AerTotals({"RxErr": 311}, {}, {}), Status.WARNING, id="more than 31 a minute on 16 lanes"),
        pytest.param(AerTotals({}, {"CmpltTO": 1}, {}), Status.WARNING, id="uncorrected"),
        pytest.param(AerTotals({}, {"DLP": 0}, {"DLP": 1}), Status.BAD, id="fatal"),
        pytest.param(AerTotals(), Status.UNKNOWN, id="not counted"),
    ],
)
def test_errors_are_judged_by_how_grave_and_how_often(aer: AerTotals, status: Status):
    assert error_observations([_device(aer=aer)], 600.0)[0].status is status


def test_each_error_is_told_by_name_and_gravity():
    observation = error_observations([_device(aer=AerTotals({"BadTLP": 2}, {"DLP": 0}, {"DLP": 1}))], 600.0)[0]

    assert told(observation) == {
        "fatal": "1",
        "non_fatal": "0",
        "corrected": "2",
        "fatal_DLP": "1",
        "corrected_BadTLP": "2",
    }


def test_the_port_above_is_looked_at_too(checks: NamedChecks, tree: Tree):
    tree.port(GPU_0, aer_dev_fatal="SDES 3\nTOTAL_ERR_FATAL 3")

    observations = checks.diagnose("pcie_errors").observations

    assert [(seen.subject, seen.status) for seen in observations][2] == ("0000:1b:01.0", Status.BAD)


def test_counters_and_links_are_read_as_the_kernel_writes_them(tree: Tree):
    tree.plug("0000:3b:00.0", aer_dev_correctable="RxErr 7\nTOTAL_ERR_COR 7", max_link_speed="Unknown")

    device = read_devices(tree.root)[-1]

    assert (device.aer.corrected, device.link, device.link_max) == ({"RxErr": 7}, WHOLE, LinkState(None, 16))
    assert (device.driver, device.answers, device.is_gpu) == ("nvidia", True, True)


def test_devices_of_others_and_sound_functions_are_passed_over(tree: Tree):
    tree.plug("0000:3b:00.0", vendor="0x15b3", **{"class": "0x020700"})
    tree.plug("0000:4b:00.0", **{"class": "0x040300"})
    tree.plug("0000:5b:00.0", **{"class": "0x068000"})

    assert [device.pci_bus_id for device in read_devices(tree.root)] == [GPU_0, "0000:2b:00.0", "0000:5b:00.0"]


def test_a_machine_without_sysfs_says_so(tmp_path):
    with pytest.raises(Unavailable, match="mount the host's sysfs"):
        read_devices(tmp_path)


def _link(device: PciDevice) -> Observation:
    return link_observations([device], [])[0]
