"""The machine around its GPUs: devices on the PCI bus, the loaded driver, memory of the host.

All of it as the kernel shows it in files. None or empty means that the file is not there or not readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DriverVersions:
    """What the driver's library says of itself."""

    driver: str
    library: str
    cuda: str
    """The newest CUDA that this driver can run, e.g. ``13.0``."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """A PCIe link, as it is or as it could be."""

    gt_per_s: float | None
    """Transfers in a second on one lane; 2.5, 5, 8, 16, 32 or 64."""
    width: int | None
    """Lanes."""


@dataclass(frozen=True, slots=True)
class AerTotals:
    """A device's PCIe errors since it was found, by name; None where the kernel does not count them."""

    corrected: Mapping[str, int] | None = None
    non_fatal: Mapping[str, int] | None = None
    fatal: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class PciDevice:
    """One NVIDIA device of the bus."""

    pci_bus_id: str
    vendor: int
    device: int
    pci_class: int
    """Class and subclass, 0x0302 for a data centre GPU, 0x0300 for one with a display, 0x0680 for an NVSwitch."""
    driver: str = ""
    """The kernel's driver that holds it, e.g. ``nvidia`` or ``vfio-pci``; empty for none."""
    answers: bool | None = None
    """Whether its configuration space can be read; a device that fell off the bus reads as all ones."""
    link: LinkState = LinkState(None, None)
    link_max: LinkState = LinkState(None, None)
    aer: AerTotals = AerTotals()
    upstream: PciDevice | None = None
    """The bridge's port that it is plugged into."""

    @property
    def is_gpu(self) -> bool:
        """By its class."""
        return self.pci_class in _GPU_CLASSES


_GPU_CLASSES = (0x0300, 0x0302)


@dataclass(frozen=True, slots=True)
class KernelDriver:
    """What the kernel shows of the loaded NVIDIA driver."""

    module_version: str
    """Of the loaded module; empty where it is not loaded or tells none."""
    banner: str
    """The first line of ``/proc/driver/nvidia/version``, which names the kind: open or proprietary."""
    modules: tuple[str, ...]
    """Loaded modules that matter for GPUs, in order of names."""
    gpus: tuple[str, ...]
    """PCI addresses that the module drives, from ``/proc/driver/nvidia/gpus``."""


@dataclass(frozen=True, slots=True)
class HostMemory:
    """The host's memory, in bytes but for pages and counts."""

    total_bytes: int | None
    available_bytes: int | None
    huge_pages: int | None
    free_huge_pages: int | None
    huge_page_bytes: int | None
    corrected_errors: int | None
    """Of all memory controllers since boot; None where EDAC has no driver for them."""
    uncorrected_errors: int | None
