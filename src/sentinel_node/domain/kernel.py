"""The kernel's log as records: which boot, in which order, and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KernelRecord:
    """One line of the kernel's log."""

    boot_id: str
    """As in ``/proc/sys/kernel/random/boot_id``, 32 hexadecimal digits without dashes."""
    sequence: int
    """Grows within a boot; a gap means that lines were lost. 0 for lines of the journal, which keeps no numbers."""
    monotonic_us: int
    """Microseconds since that boot."""
    unix_ns: int
    """The wall clock's time; for a line of this boot computed from the boot's start, so a stepped clock shifts it."""
    level: int
    """0 emergency to 7 debug."""
    message: str
    """One line, control characters escaped."""
    source: str
    """``kmsg`` or ``journal``."""
    xid: int | None = None
    """The number of an NVRM Xid line."""
    sxid: int | None = None
    """The number of an nvidia-nvswitch SXid line."""
    pci_bus_id: str = ""
    """Of the device a line is about, where it names one: ``0000:9b:00.0``."""
    aer: str = ""
    """How grave a PCIe AER line calls its error: ``corrected``, ``non_fatal`` or ``fatal``; empty for other lines."""
    is_off_bus: bool = False
    """The driver says that the GPU has fallen off the bus, with or without an Xid."""
    folded: int = 0
    """Lines of the same pattern that came right after this one, within the second, and were counted but not kept."""
    folded_sequence: int = 0
    """The number of the last of these; 0 where there are none."""
    is_from_kernel: bool = True
    """The kernel itself wrote it; a process may write into the kernel's buffer too."""


@dataclass(frozen=True, slots=True)
class KernelQuery:
    """Which lines are wanted."""

    since_unix_ns: int = 0
    until_unix_ns: int = 0
    """0 for now."""
    boot_id: str = ""
    """Empty for every boot that is kept."""
    contains: tuple[str, ...] = ()
    """Any of these, letter case aside; empty for all lines."""
    limit: int = 1000
    """The newest so many."""


@dataclass(frozen=True, slots=True)
class KernelPage:
    """The lines found, oldest first."""

    records: tuple[KernelRecord, ...]
    boots: tuple[str, ...]
    """Those that were looked through, oldest first."""
    is_truncated: bool
    """Older lines matched too, and were left out."""
    lost_lines: int = 0
    """That the kernel overwrote before they were read."""
    missing: tuple[str, ...] = ()
    """What could not be read and why, e.g. no persistent journal: earlier boots are then unknown."""
