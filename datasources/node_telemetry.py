"""A node's GPUs as their driver tells them to the node's own agent, in the words of the GPU exporter. Pure.

For when the exporter is dead, which is when a driver hangs or a GPU is lost: both read the same library, but the agent
asks each field on its own and says which failed. A figure that DCGM has under a name is told by that name, in its unit,
so that one reader understands both; the rest stands in the text under the agent's own names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from gcm_sentinel.datasources.exposition import Sample
from gcm_sentinel.datasources.sentinel_gpus import UUID, plain
from gcm_sentinel.domain.node_agent import GpuReading

MOST_GPUS = 64
_MIB = 1 << 20
_DEV = "DCGM_FI_DEV_"

_GAUGES: Mapping[str, str] = {
    "temperature_c": "GPU_TEMP",
    "memory_temperature_c": "MEMORY_TEMP",
    "power_w": "POWER_USAGE",
    "power_limit_w": "POWER_MGMT_LIMIT",
    "utilization_pct": "GPU_UTIL",
    "memory_utilization_pct": "MEM_COPY_UTIL",
    "sm_clock_mhz": "SM_CLOCK",
    "memory_clock_mhz": "MEM_CLOCK",
    "pcie_generation": "PCIE_LINK_GEN",
    "pcie_width": "PCIE_LINK_WIDTH",
    "pcie_replays": "PCIE_REPLAY_COUNTER",
    "memory_errors.remapped_corrected_rows": "CORRECTABLE_REMAPPED_ROWS",
    "memory_errors.remapped_uncorrected_rows": "UNCORRECTABLE_REMAPPED_ROWS",
    "memory_errors.is_remap_pending": "ROW_REMAP_PENDING",
    "memory_errors.has_remap_failed": "ROW_REMAP_FAILURE",
    "memory_errors.is_sram_threshold_exceeded": "SRAM_EXCEEDED",
    "memory_errors.pending_retired_pages": "RETIRED_PENDING",
}
"""Figures with the same meaning and unit in DCGM; names are those of its field list, as in the knowledge base."""
_SUMS: Mapping[str, tuple[str, str]] = {
    "ECC_SBE_VOL_TOTAL": ("memory_errors.", "_volatile.corrected"),
    "ECC_DBE_VOL_TOTAL": ("memory_errors.", "_volatile.uncorrected"),
    "ECC_SBE_AGG_TOTAL": ("memory_errors.", "_aggregate.corrected"),
    "ECC_DBE_AGG_TOTAL": ("memory_errors.", "_aggregate.uncorrected"),
    "NVLINK_REPLAY_ERROR_COUNT_TOTAL": ("nvlinks.", ".replay_errors"),
    "NVLINK_RECOVERY_ERROR_COUNT_TOTAL": ("nvlinks.", ".recovery_errors"),
}
"""Totals of DCGM and how the figures begin and end that are added up for them."""
_REASONS = (
    "gpu_idle", "applications_clocks_setting", "sw_power_cap", "hw_slowdown", "sync_boost", "sw_thermal_slowdown",
    "hw_thermal_slowdown", "hw_power_brake_slowdown", "display_clock_setting",
)  # fmt: skip
"""nvmlClocksEventReasons from bit 0."""
_ACTIONS = ("none", "gpu_reset", "node_reboot", "drain_p2p", "drain_and_reset", "recover_imex_domain")
"""nvmlDeviceGpuRecoveryAction_t from 0."""


def as_samples(readings: Sequence[GpuReading]) -> tuple[Sample, ...]:
    """Every figure that has a name in DCGM; a GPU that is lost has none."""
    return tuple(
        Sample(_DEV + name, dict(_labels(reading)), value)
        for reading in readings[:MOST_GPUS]
        for name, value in _named(reading)
    )


def identities(readings: Sequence[GpuReading]) -> tuple[Sample, ...]:
    """A sample without meaning for each GPU, so that one of which nothing was read is named with the others."""
    return tuple(Sample("", dict(_labels(reading)), 0.0) for reading in readings[:MOST_GPUS])


def told(readings: Sequence[GpuReading]) -> str:
    """All of it in lines, under the agent's own names."""
    return "\n".join(line for reading in readings[:MOST_GPUS] for line in _lines(reading))


def doubts(readings: Sequence[GpuReading]) -> Iterator[str]:
    """GPUs that the driver has lost or could not read whole."""
    for reading in readings[:MOST_GPUS]:
        if reading.lost:
            yield f"GPU {reading.gpu.index} is lost to the driver ({plain(reading.lost, 120)})."
        if reading.unreadable:
            failed = ", ".join(plain(word, 80) for word in reading.unreadable[:8])
            yield f"Of GPU {reading.gpu.index} could not be read: {failed}."


def _labels(reading: GpuReading) -> Iterator[tuple[str, str]]:
    gpu = reading.gpu
    yield "gpu", str(gpu.index)
    if UUID.fullmatch(gpu.uuid):
        yield "UUID", gpu.uuid
    words = {
        "pci_bus_id": gpu.pci_bus_id,
        "modelName": gpu.model,
        "DCGM_FI_DRIVER_VERSION": gpu.driver_version,
        "serial": gpu.serial,
    }
    yield from ((name, plain(value, 80)) for name, value in words.items() if value)


def _named(reading: GpuReading) -> Iterator[tuple[str, float]]:
    for figure in reading.figures:
        name = _GAUGES.get(figure.name)
        if name is not None and not isinstance(figure.value, str):
            yield name, float(figure.value)
    used = reading.figure("memory_used_bytes")
    if isinstance(used, int):
        yield "FB_USED", used / _MIB
    for name, (begins, ends) in _SUMS.items():
        parts = [one.value for one in reading.figures if one.name.startswith(begins) and one.name.endswith(ends)]
        counts = [float(part) for part in parts if not isinstance(part, str)]
        if counts:
            yield name, sum(counts)
    yield from _coded(reading, "clock_event_reasons", "CLOCK_THROTTLE_REASONS", _mask)
    yield from _coded(reading, "recovery_action", "GPU_RECOVERY_ACTION", _action)


def _coded(
    reading: GpuReading, figure: str, name: str, code: Callable[[str], float | None]
) -> Iterator[tuple[str, float]]:
    words = reading.figure(figure)
    value = code(words) if isinstance(words, str) else None
    if value is not None:
        yield name, value


def _mask(words: str) -> float | None:
    """The bits of the reasons; None where one of them has no bit here: the others would look like all of them."""
    names = words.split(", ")
    return float(sum(1 << _REASONS.index(name) for name in names)) if set(names) <= set(_REASONS) else None


def _action(word: str) -> float | None:
    return float(_ACTIONS.index(word)) if word in _ACTIONS else None


def _lines(reading: GpuReading) -> Iterator[str]:
    gpu = reading.gpu
    yield f"GPU {gpu.index} {plain(gpu.uuid, 90)} {plain(gpu.pci_bus_id, 40)} at {reading.time.isoformat()}"
    yield from (f"  {plain(figure.name, 80)} {plain(str(figure.value), 200)}" for figure in reading.figures[:500])
    if reading.process_ids:
        yield f"  compute_process_ids {' '.join(map(str, reading.process_ids[:200]))}"
    yield from (f"  unreadable {plain(word, 120)}" for word in reading.unreadable[:50])
    if reading.lost:
        yield f"  lost {plain(reading.lost, 200)}"
