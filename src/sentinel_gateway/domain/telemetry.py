"""What agents report about heat, power, memory errors and links. Only the newest report of each GPU is kept."""

from __future__ import annotations

from dataclasses import dataclass

from sentinel_gateway.domain.identity import Gpu


@dataclass(frozen=True, slots=True)
class Thermal:
    """`sentinel.v1.ThermalReading` without its GPU."""

    temperature_c: float = 0.0
    fan_speed_pct: float = 0.0
    throttle_active: bool = False
    memory_temperature_c: float = 0.0
    time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """`sentinel.v1.PowerReading` without its GPU."""

    power_w: float = 0.0
    voltage_mv: int = 0
    current_ma: int = 0
    power_limit_w: float = 0.0
    power_throttle_active: bool = False
    time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Ecc:
    """`sentinel.v1.EccCounters` without its GPU."""

    sram_corrected: int = 0
    sram_uncorrected: int = 0
    dram_corrected: int = 0
    dram_uncorrected: int = 0
    retired_pages: int = 0
    pending_retired_pages: int = 0
    reset_required: bool = False
    time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class NvLink:
    """`sentinel.v1.NvLinkStatus`."""

    link_index: int
    active: bool = False
    crc_errors: int = 0
    replay_errors: int = 0


@dataclass(frozen=True, slots=True)
class TelemetryReport:
    """`sentinel.v1.GpuTelemetryReport`; the GPU is the first that one of its readings names."""

    gpu: Gpu
    thermal: Thermal | None = None
    power: Power | None = None
    ecc: Ecc | None = None
    gpu_utilization_pct: float = 0.0
    memory_utilization_pct: float = 0.0
    gpu_clock_mhz: int = 0
    mem_clock_mhz: int = 0
    pcie_gen: int = 0
    pcie_width: int = 0
    nvlinks: tuple[NvLink, ...] = ()


@dataclass(frozen=True, slots=True)
class TelemetryBatch:
    """`sentinel.v1.TelemetryBatch`."""

    agent_hostname: str
    reports: tuple[TelemetryReport, ...]
    sequence_number: int
    batch_time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class LatestTelemetry:
    """The newest report of one GPU."""

    report: TelemetryReport
    received_ns: int
