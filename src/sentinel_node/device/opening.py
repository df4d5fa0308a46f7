"""What a probe's process opens: a real GPU, or one in software with the faults it is told to have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sentinel_node.device.cupy_device import CupyDevice
from sentinel_node.device.kernel_images import KernelImages
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.probes.device import Device
from sentinel_node.probes.software.device import GPU, SoftwareDevice
from sentinel_node.probes.software.twins import twins

SOFTWARE_SMS = 132
"""As many as an H100 or H200 SXM has."""
_SOFTWARE_BYTES = 96 << 20
"""Little, as it is this machine's; a deep run of the shared memory of so many SMs needs 64 MB."""


@dataclass(frozen=True, slots=True)
class OpenGpu:
    """Opens real ones."""

    folder: Path
    """For compiled kernels; see `KernelImages`."""

    def __call__(self, gpu: GpuIdentity) -> Device:
        """One of them.

        Raises:
            Unavailable: CuPy is not installed, or there is no GPU for it.
        """
        return CupyDevice(gpu, KernelImages(self.folder))


@dataclass(frozen=True, slots=True)
class OpenSoftware:
    """Opens GPUs in software."""

    faults: tuple[object, ...] = ()
    """Of `probes.software.faults`; every GPU has them."""
    sm_count: int = SOFTWARE_SMS

    def __call__(self, gpu: GpuIdentity) -> Device:
        """One of them."""
        return SoftwareDevice(twins(), self.sm_count, self.faults, gpu, _SOFTWARE_BYTES)


def software_gpus(count: int) -> tuple[GpuIdentity, ...]:
    """So many of them, whose names say what they are."""
    return tuple(
        replace(
            GPU,
            uuid=f"{GPU.uuid[:-2]}{index:02x}",
            index=index,
            pci_bus_id=f"0000:{index + 1:02x}:00.0",
            sm_count=SOFTWARE_SMS,
        )
        for index in range(count)
    )
