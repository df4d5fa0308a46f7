"""What an ordinary kernel says at boot, from day to day and at an orderly shutdown. Times are seconds of uptime."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from sentinel_fleet.baseline.fleet import Fleet, NodeIdentity

KERNEL = "6.8.0-85-generic"

_EARLY = (
    (0.0, "Linux version {kernel} (buildd@lcy02-amd64-059) (x86_64-linux-gnu-gcc-13 (Ubuntu 13.3.0-6ubuntu2~24.04) "
          "13.3.0, GNU ld (GNU Binutils for Ubuntu) 2.42) #85-Ubuntu SMP PREEMPT_DYNAMIC"),
    (0.0, "Command line: BOOT_IMAGE=/boot/vmlinuz-{kernel} root=UUID={root} ro iommu=pt pci=realloc=off console=ttyS0"),
    (0.0, "KERNEL supported cpus:"),
    (0.000011, "BIOS-provided physical RAM map:"),
    (0.01972, "DMI: Supermicro SYS-821GE-TNHR/X13DEG-OAD, BIOS 2.2 06/11/2026"),
    (0.91207, "smpboot: Total of 192 processors activated (806400.00 BogoMIPS)"),
    (2.40811, "Memory: 2113519160K/2147013148K available"),
    (3.71214, "PCI: Using configuration type 1 for base access"),
    (5.02277, "pci 0000:00:00.0: [8086:09a2] type 00 class 0x088000 conventional PCI endpoint"),
    (6.88112, "EDAC MC0: Giving out device to module i10nm_edac controller Intel_10nm Socket#0 IMC#0"),
    (6.88119, "EDAC MC1: Giving out device to module i10nm_edac controller Intel_10nm Socket#1 IMC#0"),
    (8.10477, "nvme nvme0: 128/0/0 default/read/poll queues"),
    (8.10661, "nvme nvme1: 128/0/0 default/read/poll queues"),
    (9.55120, "EXT4-fs (nvme0n1p2): mounted filesystem {root} r/w with ordered data mode. Quota mode: none."),
    (11.2201, "systemd[1]: Detected architecture x86-64."),
    (12.0107, "XFS (nvme1n1): Ending clean mount"),
)  # fmt: skip
_DAILY = (
    'audit: type=1400 audit({stamp}:{n}): apparmor="STATUS" operation="profile_replace" profile="unconfined" '
    'name="cri-containerd.apparmor.d" pid={pid} comm="apparmor_parser"',
    "IPv6: ADDRCONF(NETDEV_CHANGE): lxc{hex}: link becomes ready",
    "eth0: renamed from tmp{hex}",
    "perf: interrupt took too long ({n} > 2500), lowering kernel.perf_event_max_sample_rate to 79750",
    "workqueue: blk_mq_run_work_fn hogged CPU for >10000us 4 times, consider switching to WQ_UNBOUND",
    "TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:29500. Sending cookies.",
    "python3 (pid {pid}) is setting deprecated v1 encryption policy; recommend upgrading to v2.",
    "overlayfs: fs on '/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/{n}/fs' does not support "
    "file handles, falling back to xino=off.",
)
_SHUTDOWN = (
    (0.0, "systemd-shutdown[1]: Syncing filesystems and block devices."),
    (1.2, "systemd-shutdown[1]: Sending SIGTERM to remaining processes..."),
    (4.0, "systemd-shutdown[1]: Unmounting file systems."),
    (4.6, "EXT4-fs (nvme0n1p2): re-mounted {root} ro. Quota mode: none."),
    (5.3, "systemd-shutdown[1]: All filesystems, swaps, loop devices, MD devices and DM devices detached."),
    (5.4, "reboot: Restarting system"),
)
SHUTDOWN_S = 5.5
"""How long an orderly shutdown takes in the log."""

LINES_PER_DAY = 5.0


def boot_lines(fleet: Fleet, node: NodeIdentity, root: str) -> Iterator[tuple[float, str]]:
    """(uptime, line) of a boot: firmware, disks, network, then the NVIDIA and Mellanox drivers."""
    for uptime, line in _EARLY:
        yield uptime, line.format(kernel=KERNEL, root=root)
    for index in range(fleet.spec.nics_per_node):
        address, at = fleet.nic_pci(index), 14.0 + 0.4 * index
        yield at, f"mlx5_core {address}: firmware version: 28.46.1006"
        yield at + 0.1, f"mlx5_core {address}: 504.112 Gb/s available PCIe bandwidth (32.0 GT/s PCIe x16 link)"
    yield 18.3, "bond0: active interface up!"
    yield 21.7, "nvidia: loading out-of-tree module taints kernel."
    yield 21.9, "nvidia-nvlink: Nvlink Core is being initialized, major device number 510"
    for index, pci in enumerate(fleet.pci):
        yield 22.4 + 0.05 * index, f"nvidia {pci}.0: enabling device (0140 -> 0142)"
    yield (
        23.1,
        (
            f"NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  {fleet.spec.driver}  Release Build  "
            "(dvs-builder@U22-I3-AF01-07-2)"
        ),
    )
    yield 23.6, f"nvidia-modeset: Loading NVIDIA UNIX Open Kernel Mode Setting Driver for x86_64  {fleet.spec.driver}"
    yield 24.9, "nvidia-uvm: Loaded the UVM driver, major device number 506."
    yield 31.4, "nvidia-peermem: module loaded"


def shutdown_lines(root: str) -> Iterator[tuple[float, str]]:
    """(seconds after the shutdown began, line) of an orderly restart."""
    return ((delay, line.format(root=root)) for delay, line in _SHUTDOWN)


def daily_line(random: Random) -> str:
    """One ordinary line."""
    return random.choice(_DAILY).format(
        stamp=f"17{random.randint(10**7, 10**8 - 1)}.{random.randint(100, 999)}",
        n=random.randint(60, 9000),
        pid=random.randint(3000, 900_000),
        hex=f"{random.getrandbits(32):08x}",
    )
