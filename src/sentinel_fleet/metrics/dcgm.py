"""dcgm-exporter's metrics: the default counters, and those that exist only when an operator enables them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sentinel_fleet.metrics.catalogue import Described, MetricType
from sentinel_fleet.metrics.signals import GpuSignals

GpuValue = Callable[[GpuSignals, float, int], float]


@dataclass(frozen=True, slots=True)
class DcgmMetric(Described):
    """One field of DCGM."""

    value: GpuValue = lambda signals, t, k: 0.0
    extended: bool = False


def _zero(signals: GpuSignals, t: float, k: int) -> float:
    return 0.0


def _gauge(name: str, text: str, value: GpuValue, noise: float = 0.0, *, prof: bool = False) -> DcgmMetric:
    return DcgmMetric(f"DCGM_FI_{'PROF' if prof else 'DEV'}_{name}", "gauge", text, noise, value)


def _counter(name: str, text: str, value: GpuValue) -> DcgmMetric:
    return DcgmMetric(f"DCGM_FI_DEV_{name}", "counter", text, 0.0, value)


def _extended(name: str, kind: MetricType, text: str, value: GpuValue = _zero, noise: float = 0.0) -> DcgmMetric:
    return DcgmMetric(f"DCGM_FI_{name}", kind, text, noise, value, extended=True)


def _busy_ns(rate: float) -> GpuValue:
    return lambda s, t, k: float(int(1e9 * rate * s.busy_s(t)))


DEFAULT: tuple[DcgmMetric, ...] = (
    _gauge("SM_CLOCK", "SM clock frequency (in MHz).", lambda s, t, k: s.sm_clock_mhz(t, k), 0.004),
    _gauge("MEM_CLOCK", "Memory clock frequency (in MHz).", lambda s, t, k: float(s.model.memory_clock_mhz)),
    _gauge("MEMORY_TEMP", "Memory temperature (in C).", lambda s, t, k: round(s.memory_temperature_c(t, k)), 0.01),
    _gauge("GPU_TEMP", "GPU temperature (in C).", lambda s, t, k: round(s.temperature_c(t, k)), 0.01),
    _gauge("POWER_USAGE", "Power draw (in W).", lambda s, t, k: round(s.power_w(t, k), 3), 0.012),
    _gauge("GPU_UTIL", "GPU utilization (in %).", lambda s, t, k: s.percent(t, k), 0.01),
    _gauge("MEM_COPY_UTIL", "Memory utilization (in %).", lambda s, t, k: round(s.percent(t, k) * 0.46), 0.03),
    _gauge("ENC_UTIL", "Encoder utilization (in %).", _zero),
    _gauge("DEC_UTIL", "Decoder utilization (in %).", _zero),
    _gauge("XID_ERRORS", "Value of the last XID error encountered.", _zero),
    _gauge(
        "FB_FREE",
        "Framebuffer memory free (in MiB).",
        lambda s, t, k: s.model.memory_mib - s.memory_reserved_mib - s.memory_used_mib(t),
    ),
    _gauge("FB_USED", "Framebuffer memory used (in MiB).", lambda s, t, k: s.memory_used_mib(t)),
    _gauge("FB_RESERVED", "Framebuffer memory reserved (in MiB).", lambda s, t, k: s.memory_reserved_mib),
    _gauge("VGPU_LICENSE_STATUS", "vGPU License status", _zero),
    _gauge("ROW_REMAP_FAILURE", "Whether remapping of rows has failed", _zero),
    _gauge(
        "GR_ENGINE_ACTIVE",
        "Ratio of time the graphics engine is active.",
        lambda s, t, k: min(1.0, s.ratio(t, k, 0.985)),
        0.01,
        prof=True,
    ),
    _gauge(
        "PIPE_TENSOR_ACTIVE",
        "Ratio of cycles the tensor (HMMA) pipe is active.",
        lambda s, t, k: s.ratio(t, k, 0.47),
        0.03,
        prof=True,
    ),
    _gauge(
        "DRAM_ACTIVE",
        "Ratio of cycles the device memory interface is active sending or receiving data.",
        lambda s, t, k: s.ratio(t, k, 0.41),
        0.03,
        prof=True,
    ),
    _gauge(
        "PCIE_TX_BYTES",
        "The rate of data transmitted over the PCIe bus - including both protocol headers and data payloads - "
        "in bytes per second.",
        lambda s, t, k: float(int(2.1e5 + s.ratio(t, k, 0.61) * 1.9e9)),
        0.05,
        prof=True,
    ),
    _gauge(
        "PCIE_RX_BYTES",
        "The rate of data received over the PCIe bus - including both protocol headers and data payloads - "
        "in bytes per second.",
        lambda s, t, k: float(int(2.6e5 + s.ratio(t, k, 0.57) * 2.4e9)),
        0.05,
        prof=True,
    ),
    _counter("TOTAL_ENERGY_CONSUMPTION", "Total energy consumption since boot (in mJ).", GpuSignals.energy_mj),
    _counter("PCIE_REPLAY_COUNTER", "Total number of PCIe retries.", lambda s, t, k: s.small_constant(11, 0.12, 4)),
    _counter(
        "NVLINK_BANDWIDTH_TOTAL",
        "Total number of NVLink bandwidth counters for all lanes.",
        lambda s, t, k: float(int(s.grown(t, k, 40.0, 96_000.0))),
    ),
    _counter("UNCORRECTABLE_REMAPPED_ROWS", "Number of remapped rows for uncorrectable errors", _zero),
    _counter(
        "CORRECTABLE_REMAPPED_ROWS",
        "Number of remapped rows for correctable errors",
        lambda s, t, k: s.small_constant(12, 0.02, 2),
    ),
)

EXTENDED: tuple[DcgmMetric, ...] = (
    _extended(
        "DEV_ECC_SBE_VOL_TOTAL",
        "counter",
        "Total number of single-bit volatile ECC errors.",
        lambda s, t, k: s.small_constant(13, 0.06, 3),
    ),
    _extended("DEV_ECC_DBE_VOL_TOTAL", "counter", "Total number of double-bit volatile ECC errors."),
    _extended(
        "DEV_ECC_SBE_AGG_TOTAL",
        "counter",
        "Total number of single-bit persistent ECC errors.",
        lambda s, t, k: s.small_constant(13, 0.06, 3) + s.small_constant(14, 0.15, 6),
    ),
    _extended("DEV_ECC_DBE_AGG_TOTAL", "counter", "Total number of double-bit persistent ECC errors."),
    _extended("DEV_ROW_REMAP_PENDING", "gauge", "Whether remapping of rows is pending"),
    _extended("DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "counter", "Total number of NVLink flow-control CRC errors."),
    _extended("DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", "counter", "Total number of NVLink data CRC errors."),
    _extended("DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "counter", "Total number of NVLink retries."),
    _extended("DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", "counter", "Total number of NVLink recovery errors."),
    _extended(
        "DEV_CLOCK_THROTTLE_REASONS", "gauge", "Current clock event reasons (bitmask).", GpuSignals.throttle_reasons
    ),
    _extended(
        "DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP_NS", "counter", "Time below the software power cap (in ns).",
        _busy_ns(0.11),
    ),
    _extended("DEV_CLOCKS_EVENT_REASON_SYNC_BOOST_NS", "counter", "Time in sync boost (in ns)."),
    _extended("DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_NS", "counter", "Time in software thermal slowdown (in ns)."),
    _extended("DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_NS", "counter", "Time in hardware thermal slowdown (in ns)."),
    _extended("DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS", "counter", "Time in hardware power brake (in ns)."),
    _extended("DEV_POWER_VIOLATION", "counter", "Throttling due to power constraints (in ns).", _busy_ns(0.11)),
    _extended("DEV_THERMAL_VIOLATION", "counter", "Throttling due to thermal constraints (in ns)."),
    _extended("DEV_PCIE_LINK_GEN", "gauge", "PCIe current link generation.", lambda s, t, k: float(s.model.pcie_gen)),
    _extended("DEV_PCIE_LINK_WIDTH", "gauge", "PCIe current link width.", lambda s, t, k: 16.0),
    _extended("DEV_PCIE_MAX_LINK_GEN", "gauge", "PCIe max link generation.", lambda s, t, k: float(s.model.pcie_gen)),
    _extended("DEV_PCIE_MAX_LINK_WIDTH", "gauge", "PCIe max link width.", lambda s, t, k: 16.0),
    _extended("DEV_POWER_MGMT_LIMIT", "gauge", "Current power limit (in W).", lambda s, t, k: s.model.limit_w),
    _extended("DEV_SLOWDOWN_TEMP", "gauge", "Slowdown temperature (in C).", lambda s, t, k: 87.0),
    _extended("DEV_GPU_MAX_OP_TEMP", "gauge", "Maximum operating temperature (in C).", lambda s, t, k: 85.0),
    _extended("DEV_MEM_MAX_OP_TEMP", "gauge", "Maximum operating temperature of memory (in C).", lambda s, t, k: 95.0),
    _extended("DEV_FABRIC_MANAGER_STATUS", "gauge", "Fabric manager status.", lambda s, t, k: 3.0),
    _extended("DEV_NVSWITCH_FATAL_ERRORS", "gauge", "NVSwitch fatal error (SXid value)."),
    _extended("DEV_NVSWITCH_NON_FATAL_ERRORS", "gauge", "NVSwitch non-fatal error (SXid value)."),
    _extended(
        "PROF_SM_ACTIVE", "gauge", "Ratio of cycles an SM has at least 1 warp assigned.",
        lambda s, t, k: s.ratio(t, k, 0.88), 0.02,
    ),
    _extended(
        "PROF_SM_OCCUPANCY", "gauge", "Ratio of warps resident on an SM.", lambda s, t, k: s.ratio(t, k, 0.33), 0.02
    ),
)  # fmt: skip


def metrics(exporter: str) -> tuple[DcgmMetric, ...]:
    """The metrics an exporter with this configuration exposes."""
    return DEFAULT + EXTENDED if exporter == "extended" else DEFAULT


KNOWN = frozenset(metric.name for metric in DEFAULT + EXTENDED)
"""Every field the catalogue knows, exported or not."""
