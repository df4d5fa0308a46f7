"""What the driver tells of a node's GPUs, from the courses behind the exporters' series: one truth on every wire."""

from __future__ import annotations

from collections.abc import Sequence

from sentinel.node.v1 import node_pb2
from sentinel_fleet.baseline.fleet import GpuIdentity
from sentinel_fleet.node_agents.node import LOST, NodeNow
from sentinel_fleet.stable import seed64

_MIB = 1 << 20
_FIELDS = (
    "GPU_TEMP", "MEMORY_TEMP", "POWER_USAGE", "POWER_MGMT_LIMIT", "GPU_UTIL", "MEM_COPY_UTIL", "FB_USED", "SM_CLOCK",
    "MEM_CLOCK", "PCIE_LINK_GEN", "PCIE_LINK_WIDTH", "PCIE_REPLAY_COUNTER", "CLOCK_THROTTLE_REASONS",
    "ECC_SBE_VOL_TOTAL", "ECC_DBE_VOL_TOTAL", "ECC_SBE_AGG_TOTAL", "ECC_DBE_AGG_TOTAL", "CORRECTABLE_REMAPPED_ROWS",
    "UNCORRECTABLE_REMAPPED_ROWS", "ROW_REMAP_PENDING", "ROW_REMAP_FAILURE", "NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL",
    "NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", "NVLINK_REPLAY_ERROR_COUNT_TOTAL", "NVLINK_RECOVERY_ERROR_COUNT_TOTAL",
)  # fmt: skip
_REASONS = (
    "gpu_idle", "applications_clocks_setting", "sw_power_cap", "hw_slowdown", "sync_boost", "sw_thermal_slowdown",
    "hw_thermal_slowdown", "hw_power_brake_slowdown",
)  # fmt: skip
"""By the bits of the driver's mask, from bit 0."""
_IDLE = {"GPU_UTIL": 0.0, "MEM_COPY_UTIL": 0.0, "FB_USED": 4.0}
"""Of a GPU whose workload a client has sent away: the world's course still has it."""

Told = dict[str, float]


def samples(node: NodeNow, uuids: Sequence[str] = ()) -> list[node_pb2.GpuSample]:
    """The GPUs of these UUIDs, or all of them."""
    gauges = node.world.gauges()
    read = {field: gauges.read(node.name, field, node.now) for field in _FIELDS}
    return [_sample(node, gpu, _told(node, gpu, read)) for gpu in node.gpus if not uuids or gpu.uuid in uuids]


def _told(node: NodeNow, gpu: GpuIdentity, read: dict[str, dict[int, float]]) -> Told:
    if gpu.index in node.lost:
        return {}
    told = {field: values[gpu.index] for field, values in read.items() if gpu.index in values}
    return told | _IDLE if node.is_left(gpu.index) else told


def _sample(node: NodeNow, gpu: GpuIdentity, told: Told) -> node_pb2.GpuSample:
    used, is_lost = _whole(told, "FB_USED"), gpu.index in node.lost
    sample = node_pb2.GpuSample(
        gpu=node.message(gpu),
        memory_errors=_memory_errors(told),
        nvlinks=[] if is_lost else _links(node, gpu, told),
        temperature_c=told.get("GPU_TEMP"),
        memory_temperature_c=told.get("MEMORY_TEMP"),
        power_w=told.get("POWER_USAGE"),
        power_limit_w=told.get("POWER_MGMT_LIMIT"),
        utilization_pct=told.get("GPU_UTIL"),
        memory_utilization_pct=told.get("MEM_COPY_UTIL"),
        memory_used_bytes=None if used is None else used * _MIB,
        sm_clock_mhz=_whole(told, "SM_CLOCK"),
        memory_clock_mhz=_whole(told, "MEM_CLOCK"),
        pcie_generation=_whole(told, "PCIE_LINK_GEN"),
        pcie_width=_whole(told, "PCIE_LINK_WIDTH"),
        pcie_replays=_whole(told, "PCIE_REPLAY_COUNTER"),
        clock_event_reasons=_reasons(told),
        recovery_action=_recovery(told) if told else "",
        compute_process_ids=[one.pid for one in node.processes if one.gpu == gpu.index],
        lost=LOST if is_lost else "",
    )
    sample.time.FromNanoseconds(node.stamp_ns)
    return sample


def _memory_errors(told: Told) -> node_pb2.MemoryErrors:
    """The exporters' counters do not tell SRAM from DRAM; what they count is told as DRAM's."""
    pending, failed = told.get("ROW_REMAP_PENDING"), told.get("ROW_REMAP_FAILURE")
    return node_pb2.MemoryErrors(
        sram_volatile=node_pb2.EccErrors(),
        dram_volatile=_ecc(told, "VOL"),
        sram_aggregate=node_pb2.EccErrors(),
        dram_aggregate=_ecc(told, "AGG"),
        remapped_corrected_rows=_whole(told, "CORRECTABLE_REMAPPED_ROWS"),
        remapped_uncorrected_rows=_whole(told, "UNCORRECTABLE_REMAPPED_ROWS"),
        is_remap_pending=None if pending is None else pending > 0,
        has_remap_failed=None if failed is None else failed > 0,
    )


def _ecc(told: Told, since: str) -> node_pb2.EccErrors:
    return node_pb2.EccErrors(
        corrected=_whole(told, f"ECC_SBE_{since}_TOTAL"), uncorrected=_whole(told, f"ECC_DBE_{since}_TOTAL")
    )


def _links(node: NodeNow, gpu: GpuIdentity, told: Told) -> list[node_pb2.NvLink]:
    """Each link; the GPU's totals stand at one of them, since the exporters do not tell which."""
    count = node.world.fleet.model.nvlinks
    at = seed64(gpu.uuid, "nvlink") % max(1, count)
    crc = (_whole(told, "NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL") or 0) + (
        _whole(told, "NVLINK_CRC_DATA_ERROR_COUNT_TOTAL") or 0
    )
    replays = _whole(told, "NVLINK_REPLAY_ERROR_COUNT_TOTAL") or 0
    recoveries = _whole(told, "NVLINK_RECOVERY_ERROR_COUNT_TOTAL") or 0
    return [
        node_pb2.NvLink(
            index=index,
            is_active=True,
            crc_errors=crc if index == at else 0,
            replay_errors=replays if index == at else 0,
            recovery_errors=recoveries if index == at else 0,
        )
        for index in range(count)
    ]


def _reasons(told: Told) -> list[str]:
    mask = _whole(told, "CLOCK_THROTTLE_REASONS") or 0
    return [reason for bit, reason in enumerate(_REASONS) if mask >> bit & 1]


def _recovery(told: Told) -> str:
    return "drain_and_reset" if told.get("ROW_REMAP_PENDING", 0.0) > 0 else "none"


def _whole(told: Told, field: str) -> int | None:
    value = told.get(field)
    return None if value is None else int(value)
