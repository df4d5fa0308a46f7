"""Which kernel messages are recognised, and what is taken from them. Formats are those of driver and kernel."""

from datetime import UTC, datetime
from time import process_time

import pytest

from gcm_sentinel.datasources.kernel_lines import GpuSerial, KernelLine, XidLine, recognise
from gcm_sentinel.datasources.log_lines import parse_line
from gcm_sentinel.datasources.nvlink_words import decode_words

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
ISO = datetime(2026, 11, 20, 19, 56, 23, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "xid", "pci", "pid", "process", "places"),
    [
        (
            "NVRM: Xid (PCI:0000:b5:00): 13, pid='<unknown>', name=<unknown>, Graphics SM Warp Exception on"
            " (GPC 1, TPC 3, SM 0): Out Of Range Address",
            13, "0000:b5:00", None, None, ("GPC 1 TPC 3",),
        ),
        (
            "NVRM: Xid (PCI:0000:b5:00): 31, pid=2079991, name=pt_main_thread, Ch 00000007, intr 00000000. MMU Fault:"
            " ENGINE GRAPHICS GPCCLIENT_T1_6 faulted @ 0x7f5a_e7504000. Fault is of type FAULT_PDE",
            31, "0000:b5:00", 2079991, "pt_main_thread", ("GPCCLIENT_T1_6",),
        ),
        (
            "NVRM: Xid (PCI:0000:10:1c): 63, pid=1896, Row Remapper: New row marked for remapping, reset gpu.",
            63, "0000:10:1c", 1896, None, (),
        ),
        (
            "NVRM: Xid (PCI:0000:01:00): 95, pid=7062, Uncontained: LTC TAG (0x2, 0x1). RST: Yes, D-RST: No",
            95, "0000:01:00", 7062, None, ("LTC TAG (0x2, 0x1)",),
        ),
        (
            "NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380, name=nvidia-smi, Timeout after 6s of waiting for RPC"
            " response from GPU4 GSP! Expected function 76 (GSP_RM_CONTROL) (0x20803032 0x58c).",
            119, "0000:9b:00", 2024380, "nvidia-smi", ("GPU4",),
        ),
        (
            "NVRM: Xid (PCI:0018:01:00): 149, NETIR_LINK_EVT Fatal XC0 i0 Link 08 (0x004505c6 0x00000000)",
            149, "0018:01:00", None, None, ("link 8",),
        ),
        ("NVRM: Xid (0000:03:00): 14, Channel 00000001", 14, "0000:03:00", None, None, ()),
        ("NVRM: Xid (PCI:0000:91:00): 79, GPU has fallen off the bus.", 79, "0000:91:00", None, None, ()),
    ],
    ids=["13", "31", "63", "95", "119", "149", "old form without PCI", "no pid"],
)  # fmt: skip
def test_an_xid_gives_number_address_process_and_place(text, xid, pci, pid, process, places):
    found = recognise(text)

    assert isinstance(found, XidLine)
    assert (found.xid, found.pci, found.pid, found.process, found.places) == (xid, pci, pid, process, places)


def test_xid_154_gives_the_action():
    found = recognise(
        "NVRM: Xid (PCI:0000:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)"
    )

    assert isinstance(found, XidLine)
    assert found.action == "GPU Reset Required"


def test_the_words_of_xid_74_are_read_and_decoded():
    found = recognise(
        "NVRM: Xid (PCI:0003:00:00): 74, pid='<unknown>', name=<unknown>, NVLink: fatal error detected on link"
        " 9(0x600000, 0x0, 0x2, 0x0, 0x0, 0x0, 0x0)"
    )

    assert isinstance(found, XidLine)
    assert found.places == ("link 9",)
    assert decode_words(found.words) == [
        "word 1 bit 21: signal_integrity",
        "word 1 bit 22: signal_integrity",
        "word 3 bit 1: ecc_parity",
    ]


@pytest.mark.parametrize(
    ("text", "kind", "device", "code"),
    [
        ("pcieport 0000:15:01.0: AER: Corrected error received: 0000:17:00.0", "aer_corrected", "0000:17:00", ""),
        ("pcieport 0000:15:01.0: AER: Correctable error message received from 0000:17:00.0", "aer_corrected",
         "0000:17:00", ""),
        ("pcieport 0000:15:01.0: AER: Uncorrected (Fatal) error received: 0000:17:00.0", "aer_uncorrectable",
         "0000:17:00", "fatal"),
        ("nvidia 0000:17:00.0: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer",
         "aer_uncorrectable", "0000:17:00", "non-fatal"),
        ("pcieport 0000:15:01.0: pciehp: Slot(17): Link Down", "pcie_link_down", "0000:15:01", "Link Down"),
        ("pcieport 0000:15:01.0: DPC: containment event, status:0x1f01", "pcie_link_down", "0000:15:01",
         "DPC containment"),
        ("NVRM: GPU 0000:91:00.0: GPU has fallen off the bus.", "off_bus_banner", "0000:91:00", ""),
        ("NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x62:0xffff:2477)", "rm_init_failed", "0000:3b:00",
         "0x62:0xffff:2477"),
        ("NVRM: The NVIDIA probe routine failed for 8 device(s).", "probe_failed", "", "8"),
        ("nvidia: module verification failed: signature and/or required key missing - tainting kernel",
         "module_signature", "", ""),
        ("NVRM: Rate limiting GSP RPC error prints for GPU at PCI:0000:9b:00 (printing 1 of every 30).",
         "gsp_rate_limit", "0000:9b:00", ""),
        ("nvidia-nvswitch2: SXid (PCI:0000:85:00.0): 12028, Non-fatal, Link 61 egress non-posted PRIV error (First)",
         "sxid_nonfatal", "0000:85:00", "12028"),
        ("nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Fatal, Link 62 LTSSM Fault Up", "sxid_fatal",
         "0000:05:00", "20034"),
        ("mce: [Hardware Error]: Machine check events logged", "mce", "", ""),
        ("EDAC MC0: 1 UE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0", "edac_ue", "MC0", ""),
        ("EDAC MC1: 3 CE memory read error on CPU_SrcID#0_MC#1_Chan#0_DIMM#1", "edac_ce", "MC1", ""),
        ("Kernel panic - not syncing: Fatal machine check", "panic", "", "Fatal machine check"),
        ("watchdog: BUG: soft lockup - CPU#44 stuck for 23s! [nvidia-smi:8812]", "soft_lockup", "nvidia-smi",
         "soft lockup"),
        ("INFO: task python3:41233 blocked for more than 120 seconds.", "hung_task", "python3", "120"),
        ("nfs: server 10.2.0.9 not responding, still trying", "nfs_not_responding", "10.2.0.9", "not responding"),
        ("Memory cgroup out of memory: Killed process 4411 (python3) total-vm:1kB, anon-rss:1kB", "oom_kill",
         "python3", "Memory cgroup out of memory"),
        ("mlx5_pcie_event:299:(pid 268269): Detected insufficient power on the PCIe slot (27W).", "mlx5_power", "", ""),
        ("mlx5_core 0000:5c:00.0: mlx5_cmd_out_err:838:(pid 123): ACCESS_REG(0x805) op_mod(0x0) failed",
         "mlx5_access_reg", "0000:5c:00", "0x805"),
        ("mlx5_core 0000:5c:00.0: Port module event: module 1, Cable unplugged", "mlx5_cable", "0000:5c:00",
         "Cable unplugged"),
        ("mlx5_core 0000:5c:00.0 ens1np0: Link down", "mlx5_link_down", "0000:5c:00", ""),
        ("ib0: Link is down", "link_down", "ib0", ""),
        ("CPU12: Core temperature above threshold, cpu clock throttled", "thermal", "CPU12", ""),
        ("blk_update_request: I/O error, dev nvme0n1, sector 12", "io_error", "nvme0n1", ""),
        ("EXT4-fs error (device sda1): ext4_find_entry:1455", "io_error", "sda1", "ext4"),
        ("python3[4411]: segfault at 0 ip 00007f", "segfault", "python3", ""),
        ("NVRM: API mismatch: the client has the version 580.126.20", "other", "", "driver_api_mismatch"),
    ],
)  # fmt: skip
def test_other_lines_are_recognised_with_device_and_code(text, kind, device, code):
    found = recognise(text)

    assert isinstance(found, KernelLine)
    assert (found.kind, found.device, found.code) == (kind, device, code)


@pytest.mark.parametrize(
    "text",
    [
        "eth0: renamed from tmp0e1da867",
        "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  580.159.03",
        "nvidia 0000:17:00.0: enabling device (0140 -> 0142)",
        "mlx5_core 0000:5c:00.0 ens1np0: Link up",
        "nfs: Deactivated service",
        "pcieport 0000:15:01.0: PME: Signaling with IRQ 120",
        "EDAC MC: Ver: 3.0.0",
    ],
)
def test_ordinary_lines_say_nothing(text):
    assert recognise(text) is None


def test_the_driver_says_which_uuid_sits_at_an_address():
    found = recognise("NVRM: GPU at PCI:0000:9b:00: GPU-b850f46d-d5ea-c752-ddf3-c99ed1bc56f0")

    assert found == GpuSerial("0000:9b:00", "GPU-b850f46d-d5ea-c752-ddf3-c99ed1bc56f0")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "NVRM: GPU 0000:9b:00.0: GPU serial number is 1650522004712.",
            GpuSerial("0000:9b:00", serial="1650522004712"),
        ),
        ("NVRM: GPU Board Serial Number: 1650522004712", GpuSerial("", serial="1650522004712")),
    ],
    ids=["with-address", "of-the-gpu-before"],
)
def test_the_driver_says_which_serial_number_it_has(text, found):
    assert recognise(text) == found


@pytest.mark.parametrize(
    ("raw", "program", "text", "uptime"),
    [
        ("2026-11-20T19:56:23.000000+00:00 n1 kernel: [12345.678901] NVRM: x", "kernel", "NVRM: x", 12345.678901),
        ("2026-11-20T20:56:23+01:00 n1 kernel: NVRM: x", "kernel", "NVRM: x", None),
        ("2026-11-20T19:56:23Z n1 kubelet[812]: NVRM: x", "kubelet", "NVRM: x", None),
        ("Nov 20 19:56:23 n1 kernel: [   12.000000] NVRM: x", "kernel", "NVRM: x", 12.0),
        ("[Fri Nov 20 19:56:23 2026] NVRM: x", "kernel", "NVRM: x", None),
    ],
    ids=["rsyslog", "other zone", "journal", "traditional", "dmesg -T"],
)
def test_every_shape_of_line_gives_its_time_and_program(raw, program, text, uptime):
    line = parse_line(raw, NOW)

    assert (line.at, line.program, line.text, line.uptime_s) == (ISO, program, text, uptime)


def test_a_line_without_a_year_is_never_in_the_future():
    line = parse_line("Dec 31 23:59:00 n1 kernel: x", datetime(2026, 1, 2, tzinfo=UTC))

    assert line.at == datetime(2025, 12, 31, 23, 59, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("raw", ["Feb 30 10:00:00 n1 kernel: x", "2026-13-01T00:00:00Z n1 kernel: x"])
def test_an_impossible_date_gives_no_time(raw):
    assert parse_line(raw, NOW).at is None


def test_a_line_without_a_time_continues_the_one_before():
    assert parse_line("    continuation", NOW, last=ISO).at == ISO


def test_a_mig_slice_is_told_as_the_place_of_its_xid():
    line = recognise("NVRM: Xid (PCI:0000:01:00 GPU-I:05): 95, pid=7062, name=x, Uncontained: LTC TAG (0x2, 0x1).")

    assert isinstance(line, XidLine)
    assert (line.xid, line.pci, line.pid) == (95, "0000:01:00", 7062)
    assert line.places == ("GPU instance 5", "LTC TAG (0x2, 0x1)")


def test_the_older_words_for_a_lost_gpu_are_known():
    assert recognise("NVRM: GPU at 0000:91:00.0 has fallen off the bus.") == KernelLine("off_bus_banner", "0000:91:00")


@pytest.mark.parametrize(
    "head",
    [
        "2026-11-20 19:56:23 n1 kernel: ",
        "<4>Nov 20 19:56:23 n1 kernel: ",
        "Nov 20 19:56:23.000 n1 kernel: ",
        "<6>2026-11-20T19:56:23Z n1 kernel: ",
    ],
)
def test_less_usual_headers_are_read_too(head):
    line = parse_line(f"{head}NVRM: Xid (PCI:0000:17:00): 79, GPU lost", NOW)

    assert (line.at, line.from_kernel, line.text[:9]) == (ISO, True, "NVRM: Xid")


HOSTILE = (
    "NVRM: ", "NVRM: GPU 0000:3b:00.0 ", "NVRM: Xid (", "NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (", "nvidia",
    "nvidia 0000:3b:00.0: probe ", "module Loading of module ", "AER: Uncorrected (Fatal) error ",
    "0000:3b:00.0 pciehp ", "pciehp", "soft lockup [", "INFO: task a:1", "nfs: server ", "rcu: INFO: ",
    "Out of memory: Killed process 1 (", "EDAC MC0: ", "mlx5_core 0000:3b:00.0 Port module event, ", "mlx5_1: ",
    "mlx5_pcie_event", "mlx5_cmd_out_err", "XFS (sda): ", "XFS (", "EXT4-fs error (device ", "read-only(",
    "nvme nvme0: ",
    "NVRM lost carrier", "NVRM: link 1 (0x1, ", "GPC 1 TPC ", "a", "1", "a:", "a[1", "[", "(", "0x", "0x1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("head", "repeated"),
    [
        *(("segfault, lost carrier, ", one) for one in HOSTILE),
        *(("NVRM: Xid (PCI:0000:3b:00): 74, Link 1 (", one) for one in ("0x", "0x1", "FB a", "GPCCLIENT_", "link 1 (")),
    ],
)
def test_no_line_takes_longer_than_its_length_is_worth(head, repeated):
    began_s = process_time()

    recognise((head + repeated * 60_000)[:60_000])

    assert process_time() - began_s < 1.0
