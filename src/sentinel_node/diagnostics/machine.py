"""What the checks look at: the driver's answers and the kernel's files, read when a check asks."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sentinel_node.domain.errors import Unavailable
from sentinel_node.domain.fabric import GpuFabric
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.machine import DriverVersions, HostMemory, KernelDriver, PciDevice
from sentinel_node.domain.processes import HostProcess
from sentinel_node.domain.telemetry import GpuSample
from sentinel_node.kernel.driver_files import read_driver
from sentinel_node.kernel.files import text
from sentinel_node.kernel.host_memory import read_memory
from sentinel_node.kernel.pci_devices import read_devices
from sentinel_node.kernel.processes import ProcessFiles


class Driver(Protocol):
    """The driver's library; each method raises `Unavailable` where it cannot be asked."""

    def samples(self) -> tuple[GpuSample, ...]:
        """Every GPU now."""
        ...

    def fabric(self) -> tuple[GpuFabric, ...]:
        """How each GPU stands with the NVLink fabric."""
        ...

    def versions(self) -> DriverVersions:
        """The driver's and its library's."""
        ...


class Machine:
    """One GPU node, seen through the driver and through files below `root`."""

    def __init__(self, driver: Driver, root: Path = Path("/")) -> None:
        self.driver = driver
        self._root = root

    def samples_or_why(self) -> tuple[tuple[GpuSample, ...], str]:
        """Every GPU now, or none and why the driver cannot be asked."""
        try:
            return self.driver.samples(), ""
        except Unavailable as error:
            return (), str(error)

    def devices(self) -> tuple[PciDevice, ...]:
        """GPUs and NVSwitches on the PCI bus.

        Raises:
            Unavailable: no sysfs.
        """
        return read_devices(self._root)

    def kernel_driver(self) -> KernelDriver:
        """The driver as the kernel has it loaded."""
        return read_driver(self._root)

    def memory(self) -> HostMemory:
        """The host's memory."""
        return read_memory(self._root)

    def processes(self, pids: tuple[int, ...]) -> tuple[HostProcess, ...]:
        """Who these are; one that has ended is left out."""
        return ProcessFiles(self._root).describe(pids)

    def uptime_s(self) -> float | None:
        """Since the boot; None where it is not told."""
        try:
            return float(text(self._root / "proc/uptime").partition(" ")[0])
        except ValueError:
            return None


def subject_of(gpu: GpuIdentity) -> str:
    """What an observation calls a GPU: its UUID, or what is known of one that the driver has lost."""
    return gpu.uuid or gpu.pci_bus_id or f"gpu {gpu.index}"
