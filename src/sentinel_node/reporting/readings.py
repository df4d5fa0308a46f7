"""Samples as `sentinel.v1` telemetry. Pure.

The wire's numbers cannot say "not known"; what is not known is 0 there. So a whole reading (power, ECC) is left out
where nothing of it is known, and of the rest 0 means unknown. The first reading that is there names the GPU, so the
thermal one is sent in any case. ECC counts are those since the driver was loaded, as the reference sends them; the
gateway looks at how they grow. Boards since Ampere remap rows where older ones retired pages: both are told as retired
pages. Voltage and current are not read.
"""

from __future__ import annotations

from sentinel.v1 import common_pb2, telemetry_pb2
from sentinel_node.domain.telemetry import GpuSample, MemoryErrors
from sentinel_node.reporting.identifiers import identifier, timestamp

_RESETS = frozenset({"gpu_reset", "node_reboot", "drain_and_reset", "bus_reset", "system_reboot"})


def reading_of(sample: GpuSample, hostname: str) -> telemetry_pb2.GpuTelemetryReport:
    """One GPU at one moment."""
    gpu = identifier(sample.gpu, hostname)
    report = telemetry_pb2.GpuTelemetryReport(
        thermal=_thermal(sample, gpu),
        gpu_utilization_pct=sample.utilization_pct or 0.0,
        memory_utilization_pct=sample.memory_utilization_pct or 0.0,
        gpu_clock_mhz=sample.sm_clock_mhz or 0,
        mem_clock_mhz=sample.memory_clock_mhz or 0,
        pcie_gen=sample.pcie_generation or 0,
        pcie_width=sample.pcie_width or 0,
        nvlink_status=_links(sample),
    )
    if sample.power_w is not None or sample.power_limit_w is not None:
        report.power.CopyFrom(_power(sample, gpu))
    if (ecc := _ecc(sample, gpu)) is not None:
        report.ecc.CopyFrom(ecc)
    return report


def _thermal(sample: GpuSample, gpu: common_pb2.GpuIdentifier) -> telemetry_pb2.ThermalReading:
    return telemetry_pb2.ThermalReading(
        gpu=gpu,
        temperature_c=sample.temperature_c or 0.0,
        fan_speed_pct=sample.fan_speed_pct or 0.0,
        throttle_active=_slowed_by("thermal", sample),
        memory_temperature_c=sample.memory_temperature_c or 0.0,
        timestamp=timestamp(sample.unix_ns),
    )


def _power(sample: GpuSample, gpu: common_pb2.GpuIdentifier) -> telemetry_pb2.PowerReading:
    return telemetry_pb2.PowerReading(
        gpu=gpu,
        power_w=sample.power_w or 0.0,
        power_limit_w=sample.power_limit_w or 0.0,
        power_throttle_active=_slowed_by("power", sample),
        timestamp=timestamp(sample.unix_ns),
    )


def _ecc(sample: GpuSample, gpu: common_pb2.GpuIdentifier) -> telemetry_pb2.EccCounters | None:
    errors = sample.memory_errors
    sram, dram = errors.sram_volatile, errors.dram_volatile
    counts = (sram.corrected, sram.uncorrected, dram.corrected, dram.uncorrected)
    if all(count is None for count in (*counts, errors.retired_pages, errors.remapped_uncorrected_rows)):
        return None
    return telemetry_pb2.EccCounters(
        gpu=gpu,
        sram_corrected=counts[0] or 0,
        sram_uncorrected=counts[1] or 0,
        dram_corrected=counts[2] or 0,
        dram_uncorrected=counts[3] or 0,
        retired_pages=_retired(errors),
        pending_retired_pages=errors.pending_retired_pages or int(bool(errors.is_remap_pending)),
        reset_required=bool(errors.is_remap_pending) or sample.recovery_action in _RESETS,
        timestamp=timestamp(sample.unix_ns),
    )


def _retired(errors: MemoryErrors) -> int:
    if errors.retired_pages is not None:
        return errors.retired_pages
    return (errors.remapped_corrected_rows or 0) + (errors.remapped_uncorrected_rows or 0)


def _slowed_by(what: str, sample: GpuSample) -> bool:
    """Whether the driver names such a reason for slower clocks, e.g. ``sw_power_cap``, ``hw_thermal_slowdown``."""
    return any(what in reason for reason in sample.clock_event_reasons)


def _links(sample: GpuSample) -> list[telemetry_pb2.NvLinkStatus]:
    return [
        telemetry_pb2.NvLinkStatus(
            link_index=link.index,
            active=link.is_active,
            crc_errors=link.crc_errors or 0,
            replay_errors=link.replay_errors or 0,
        )
        for link in sample.links
    ]
