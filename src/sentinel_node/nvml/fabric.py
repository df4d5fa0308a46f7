"""How far a GPU is part of its NVLink fabric, and what the fabric's health mask complains of."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sentinel_node.domain.fabric import GpuFabric
from sentinel_node.domain.gpu import GpuIdentity
from sentinel_node.nvml.card import Card
from sentinel_node.nvml.errors import GpuLost
from sentinel_node.nvml.identity import nameless, read_identity

_STATES = ("not_supported", "not_started", "in_progress", "completed")

# NVML_GPU_FABRIC_HEALTH_MASK_*: the lowest bit of a two-bit field, in which 1 is "yes".
_COMPLAINTS: Mapping[int, str] = {
    0: "degraded_bandwidth",
    2: "route_recovery",
    4: "route_unhealthy",
    6: "access_timeout_recovery",
}
_CONFIGURATION_SHIFT, _CONFIGURATION_MASK = 8, 0xF
_CONFIGURATIONS: Mapping[int, str] = {
    2: "incorrect_system_guid",
    3: "incorrect_chassis_serial",
    4: "no_partition",
    5: "insufficient_nvlinks",
    6: "incompatible_gpu_firmware",
    7: "invalid_location",
    8: "invalid_gpu_state",
}
_STRUCTURES = ("c_nvmlGpuFabricInfo_v3_t", "c_nvmlGpuFabricInfo_v2_t")


def read_fabric(card: Card, driver_version: str) -> GpuFabric:
    """One GPU's registration with the fabric.

    Raises:
        SessionStale: the library must be opened anew.
    """
    gpu = nameless(card.index, driver_version)
    try:
        gpu = read_identity(card, driver_version)
        card.unreadable.clear()
        info = card.fill("fabric", "nvmlDeviceGetGpuFabricInfoV", _STRUCTURES)
    except GpuLost as error:
        return GpuFabric(gpu, state="", unreadable=str(error))
    if info is None:
        return GpuFabric(gpu, state="", unreadable="; ".join(card.unreadable))
    return _fabric(card, gpu, info)


def _fabric(card: Card, gpu: GpuIdentity, info: Any) -> GpuFabric:  # noqa: ANN401 - a structure of the library
    state = _STATES[info.state] if info.state < len(_STATES) else f"state_{info.state}"
    is_registered = state == "completed"
    cluster = uuid.UUID(bytes=bytes(info.clusterUuid))
    return GpuFabric(
        gpu=gpu,
        state=state,
        error=str(card.nvml.NVMLError(info.status)) if is_registered and info.status else "",
        cluster_uuid=str(cluster) if cluster.int else "",
        clique_id=info.cliqueId if is_registered else None,
        troubles=_troubles(info.healthMask),
    )


def _troubles(mask: int) -> tuple[str, ...]:
    told = [name for bit, name in _COMPLAINTS.items() if mask >> bit & 0b11 == 1]
    configuration = mask >> _CONFIGURATION_SHIFT & _CONFIGURATION_MASK
    return (*told, *([_CONFIGURATIONS[configuration]] if configuration in _CONFIGURATIONS else []))
