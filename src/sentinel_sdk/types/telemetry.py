"""Readings of temperature, power, memory errors and links."""

from __future__ import annotations

from sentinel.v1 import telemetry_pb2
from sentinel_sdk.types.common import GpuIdentifier
from sentinel_sdk.types.message import Message
from sentinel_sdk.types.timestamps import UtcDatetime


class ThermalReading(Message):
    """Temperatures of a GPU."""

    wire = telemetry_pb2.ThermalReading
    gpu: GpuIdentifier | None = None
    temperature_c: float = 0.0
    fan_speed_pct: float = 0.0
    throttle_active: bool = False
    memory_temperature_c: float = 0.0
    timestamp: UtcDatetime | None = None


class PowerReading(Message):
    """Electrical readings of a GPU."""

    wire = telemetry_pb2.PowerReading
    gpu: GpuIdentifier | None = None
    power_w: float = 0.0
    voltage_mv: int = 0
    current_ma: int = 0
    power_limit_w: float = 0.0
    power_throttle_active: bool = False
    timestamp: UtcDatetime | None = None


class EccCounters(Message):
    """Memory errors a GPU has counted."""

    wire = telemetry_pb2.EccCounters
    gpu: GpuIdentifier | None = None
    sram_corrected: int = 0
    sram_uncorrected: int = 0
    dram_corrected: int = 0
    dram_uncorrected: int = 0
    retired_pages: int = 0
    pending_retired_pages: int = 0
    reset_required: bool = False
    timestamp: UtcDatetime | None = None


class NvLinkStatus(Message):
    """One NVLink of a GPU."""

    wire = telemetry_pb2.NvLinkStatus
    link_index: int = 0
    active: bool = False
    crc_errors: int = 0
    replay_errors: int = 0


class GpuTelemetryReport(Message):
    """Everything read from one GPU at once."""

    wire = telemetry_pb2.GpuTelemetryReport
    thermal: ThermalReading | None = None
    power: PowerReading | None = None
    ecc: EccCounters | None = None
    gpu_utilization_pct: float = 0.0
    memory_utilization_pct: float = 0.0
    gpu_clock_mhz: int = 0
    mem_clock_mhz: int = 0
    pcie_gen: int = 0
    pcie_width: int = 0
    nvlink_status: list[NvLinkStatus] = []


class TelemetryBatch(Message):
    """What an agent sends at once. An ingest stream fills in host name, sequence number and time where unset."""

    wire = telemetry_pb2.TelemetryBatch
    agent_hostname: str = ""
    reports: list[GpuTelemetryReport] = []
    sequence_number: int = 0
    batch_timestamp: UtcDatetime | None = None


class TelemetryAck(Message):
    """Whether a batch is stored."""

    wire = telemetry_pb2.TelemetryAck
    sequence_number: int = 0
    accepted: bool = False
