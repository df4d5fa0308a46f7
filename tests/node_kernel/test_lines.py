"""What one line is about. The lines are of NVIDIA's open kernel modules and of the kernel's AER driver."""

from __future__ import annotations

import pytest

from sentinel_node.kernel.lines import Mention, mention_of

GPU = "0000:9b:00.0"


@pytest.mark.parametrize(
    ("line", "mention"),
    [
        pytest.param(
            "NVRM: Xid (PCI:0000:9b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
            Mention(xid=79, pci_bus_id=GPU, is_off_bus=True),
            id="Xid 79",
        ),
        pytest.param(
            "NVRM: Xid (PCI:0018:01:00): 149, NETIR_LINK_EVT Fatal XC0 i0 Link 08 (0x004505c6 0x00000000)",
            Mention(xid=149, pci_bus_id="0018:01:00.0"),
            id="Xid without process",
        ),
        pytest.param(
            "NVRM: Xid (PCI:0000:9b:00 GPU-I:05): 13, pid=1, name=python3, Graphics SM Warp Exception",
            Mention(xid=13, pci_bus_id=GPU),
            id="Xid of a MIG instance",
        ),
        pytest.param("NVRM: Xid (0000:9B:00): 13, 0001 0000", Mention(xid=13, pci_bus_id=GPU), id="old form"),
        pytest.param(
            "nvidia-nvswitch2: SXid (PCI:0000:85:00.0): 12028, Non-fatal, Link 61 egress non-posted PRIV error (First)",
            Mention(sxid=12028, pci_bus_id="0000:85:00.0"),
            id="SXid",
        ),
        pytest.param(
            "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Data {0x10000000, 0x10000000}",
            Mention(pci_bus_id="0000:05:00.0"),
            id="SXid's data is the same event",
        ),
        pytest.param(
            "nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Severity 1 Engine instance 62 Sub-engine instance 00",
            Mention(pci_bus_id="0000:05:00.0"),
            id="SXid's severity is the same event",
        ),
    ],
)
def test_errors_of_the_nvidia_driver_are_named(line: str, mention: Mention):
    assert mention_of(line) == mention


@pytest.mark.parametrize(
    ("line", "mention"),
    [
        pytest.param(
            "NVRM: GPU 0000:9b:00.0: GPU has fallen off the bus.", Mention(None, None, GPU, "", True), id="one"
        ),
        pytest.param(
            "NVRM: fallen off the bus and is not responding to commands.", Mention(is_off_bus=True), id="of three"
        ),
        pytest.param("app[7]: the GPU has fallen off the bus", Mention(), id="somebody else's words"),
    ],
)
def test_a_gpu_off_the_bus_is_seen_without_an_xid(line: str, mention: Mention):
    assert mention_of(line) == mention


@pytest.mark.parametrize(
    ("line", "device", "severity"),
    [
        ("pcieport 0000:15:01.0: AER: Corrected error received: 0000:9b:00.0", GPU, "corrected"),
        ("pcieport 0000:15:01.0: AER: Multiple Uncorrected (Fatal) error received: 0000:9b:00.0", GPU, "fatal"),
        (
            "pcieport 0000:15:01.0: AER: Uncorrectable (Non-Fatal) error message received from 0000:9b:00.0",
            GPU,
            "non_fatal",
        ),
        (
            "nvidia 0000:9b:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)",
            GPU,
            "corrected",
        ),
        (
            "pcieport 0000:15:01.0: AER: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer",
            "0000:15:01.0",
            "non_fatal",
        ),
        ("pcieport 0000:15:01.0: PCIe Bus Error: severity=Uncorrected (Fatal), type=x", "0000:15:01.0", "fatal"),
    ],
)
def test_pcie_errors_tell_the_device_and_how_grave_they_are(line: str, device: str, severity: str):
    assert mention_of(line) == Mention(pci_bus_id=device, aer=severity)


@pytest.mark.parametrize(
    ("line", "device"),
    [
        ("NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x62:0xffff:2477)", "0000:3b:00.0"),
        ("NVRM: Rate limiting GSP RPC error prints for GPU at PCI:0000:9b:00 (printing 1 of every 30).", GPU),
        ("pcieport 0000:00:01.0: pciehp: Slot(17): Link Down", "0000:00:01.0"),
        ("mlx5_core 0000:5c:00.0: Port module event: module 1, Cable unplugged", "0000:5c:00.0"),
        ("IPv6: ADDRCONF(NETDEV_CHANGE): eth0 fe80:00:00:1", ""),
        ("br0: port 1(eth0) entered 52:54:00:12:34:56", ""),
    ],
)
def test_other_lines_name_the_device_they_speak_of(line: str, device: str):
    assert mention_of(line) == Mention(pci_bus_id=device)


def test_an_xid_quoted_in_another_line_is_none():
    line = "NVRM: Xid (PCI:0000:9b:00): 31, pid=7, name=NVRM: Xid (PCI:0000:1b:00): 79, x"

    assert mention_of(line).xid == 31
    assert mention_of(f"audit: comm={line}").xid is None
