"""Who a GPU is, in the driver's words."""

from __future__ import annotations

from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.domain.pci import kernel_form
from sentinel_node.nvml.card import Card

_MIG_ON = 1
_CORES_PER_SM = {
    **dict.fromkeys(((7, 0), (7, 2), (7, 5), (8, 0)), 64),
    **dict.fromkeys(((8, 6), (8, 7), (8, 9), (9, 0), (10, 0), (10, 3), (12, 0), (12, 1)), 128),
}
"""FP32 cores by compute capability; the library counts cores and no SMs.
https://docs.nvidia.com/cuda/cuda-c-programming-guide/#compute-capabilities"""


def read_identity(card: Card, driver_version: str) -> GpuIdentity:
    """What names this GPU; text that the driver does not give is empty.

    Raises:
        GpuLost: the GPU is gone.
        SessionStale: the library must be opened anew.
    """
    pci = card.ask("pci_bus_id", ("nvmlDeviceGetPciInfo_v3",))
    memory = card.ask("memory_bytes", ("nvmlDeviceGetMemoryInfo",))
    mig = card.ask("is_partitioned", ("nvmlDeviceGetMigMode",))
    capability = card.ask("compute_capability", ("nvmlDeviceGetCudaComputeCapability",)) or (0, 0)
    return GpuIdentity(
        uuid=card.ask("uuid", ("nvmlDeviceGetUUID",)) or "",
        index=card.index,
        pci_bus_id=kernel_form(pci.busId) if pci is not None else "",
        model=card.ask("model", ("nvmlDeviceGetName",)) or "",
        serial=card.ask("serial", ("nvmlDeviceGetSerial",)) or "",
        driver_version=driver_version,
        vbios_version=card.ask("vbios_version", ("nvmlDeviceGetVbiosVersion",)) or "",
        memory_bytes=memory.total if memory is not None else 0,
        compute_capability=capability,
        sm_count=_sm_count(card, capability),
        is_partitioned=mig is not None and mig[0] == _MIG_ON,
    )


def _sm_count(card: Card, capability: tuple[int, int]) -> int:
    cores = card.ask("sm_count", ("nvmlDeviceGetNumGpuCores",))
    cores_per_sm = _CORES_PER_SM.get((capability[0], capability[1]), 0)
    return cores // cores_per_sm if cores and cores_per_sm else 0


def nameless(index: int, driver_version: str) -> GpuIdentity:
    """A GPU that the driver counts but has lost: only its place in the driver's list is known."""
    return GpuIdentity(uuid="", index=index, pci_bus_id="", model="", driver_version=driver_version)
