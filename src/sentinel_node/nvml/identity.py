"""Who a GPU is, in the driver's words."""

from __future__ import annotations

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.pci import kernel_form
from sentinel_node.nvml.card import Card

_MIG_ON = 1


def read_identity(card: Card, driver_version: str) -> GpuIdentity:
    """What names this GPU; text that the driver does not give is empty.

    Raises:
        GpuLost: the GPU is gone.
        SessionStale: the library must be opened anew.
    """
    pci = card.ask("pci_bus_id", ("nvmlDeviceGetPciInfo_v3",))
    memory = card.ask("memory_bytes", ("nvmlDeviceGetMemoryInfo",))
    mig = card.ask("is_partitioned", ("nvmlDeviceGetMigMode",))
    return GpuIdentity(
        uuid=card.ask("uuid", ("nvmlDeviceGetUUID",)) or "",
        index=card.index,
        pci_bus_id=kernel_form(pci.busId) if pci is not None else "",
        model=card.ask("model", ("nvmlDeviceGetName",)) or "",
        serial=card.ask("serial", ("nvmlDeviceGetSerial",)) or "",
        driver_version=driver_version,
        vbios_version=card.ask("vbios_version", ("nvmlDeviceGetVbiosVersion",)) or "",
        memory_bytes=memory.total if memory is not None else 0,
        compute_capability=card.ask("compute_capability", ("nvmlDeviceGetCudaComputeCapability",)) or (0, 0),
        is_partitioned=mig is not None and mig[0] == _MIG_ON,
    )


def nameless(index: int, driver_version: str) -> GpuIdentity:
    """A GPU that the driver counts but has lost: only its place in the driver's list is known."""
    return GpuIdentity(uuid="", index=index, pci_bus_id="", model="", driver_version=driver_version)
