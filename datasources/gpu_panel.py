"""The GPU metrics worth having, and how GPUs are compared in each. Pure.

Names are the classic ones; the knowledge base knows what newer exporters call them and each metric's unit and type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from gcm_sentinel.datasources.knowledge_tables import by_key, classic_field, field_names

PANEL: Final = (
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_MEMORY_TEMP",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL",
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL",
    "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL",
    "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL",
    "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE",
    "DCGM_FI_DEV_ROW_REMAP_PENDING",
    "DCGM_FI_DEV_SRAM_EXCEEDED",
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
    "DCGM_FI_DEV_PCIE_LINK_GEN",
    "DCGM_FI_DEV_PCIE_LINK_WIDTH",
    "DCGM_FI_DEV_PCIE_MAX_LINK_GEN",
    "DCGM_FI_DEV_PCIE_MAX_LINK_WIDTH",
    "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL",
    "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL",
    "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL",
    "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL",
    "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL",
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS",
    "DCGM_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_NS",
    "DCGM_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_NS",
    "DCGM_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS",
    "DCGM_FI_DEV_THERMAL_VIOLATION",
    "DCGM_FI_DEV_POWER_VIOLATION",
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "DCGM_FI_DEV_GPU_RECOVERY_ACTION",
    "DCGM_FI_DEV_FABRIC_MANAGER_STATUS",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_PROF_DRAM_ACTIVE",
)
"""What is compared when nobody names metrics."""

How = Literal["mean", "last", "delta", "never"]
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_STATES = frozenset({"flag", "number", "generation", "lanes"})
_CODES = frozenset({"bits", "code"})
_RESOLUTION = {
    "C": 1.0, "W": 10.0, "%": 2.0, "MHz": 15.0, "MiB": 256.0, "ratio": 0.02, "count": 2.0, "ns": 1e9, "mJ": 1e7,
    "B/s": 1e6, "flag": 0.25, "number": 0.25, "generation": 0.25, "lanes": 0.25,
}  # fmt: skip
"""The smallest difference between GPUs that means anything, by unit."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric as it is compared."""

    name: str
    """Classic name, or the name as given when the knowledge base does not have it."""
    spellings: tuple[str, ...]
    unit: str
    counter: bool
    how: How
    resolution: float


def compared(name: str) -> Compared:
    """How a metric is compared; one the knowledge base does not have is a gauge unless its name says counter."""
    classic = classic_field(name)
    row = by_key("dcgm_fields").get(classic.upper())
    unit = row["unit"] if row else ""
    counter = row["type"] == "counter" if row else is_counter(name)
    how: How = "delta" if counter else "never" if unit in _CODES else "last" if unit in _STATES else "mean"
    rare = "DBE" in classic or "UNCORRECTABLE" in classic
    return Compared(classic, field_names(classic), unit, counter, how, 0.25 if rare else _RESOLUTION.get(unit, 0.0))


def is_counter(name: str) -> bool:
    """Whether a metric only ever grows, by the table or by the naming rule of Prometheus."""
    row = by_key("dcgm_fields").get(classic_field(name).upper())
    if row is not None:
        return row["type"] == "counter"
    return name.endswith(("_total", "_count", "_sum", "_bucket", "_TOTAL"))


def full_name(word: str) -> str:
    """The metric a model means: its whole name, or a field without its prefix (``GPU_TEMP``).

    Raises:
        ValueError: it cannot be a metric name.
    """
    if not _METRIC_NAME.fullmatch(word):
        raise ValueError(f"not a metric name: {word!r}")
    if word.startswith("DCGM_"):
        return word
    for prefix in ("DCGM_FI_DEV_", "DCGM_FI_PROF_", "DCGM_FI_", "DCGM_"):
        known = classic_field(prefix + word.upper())
        if known.upper() in by_key("dcgm_fields"):
            return known
    return word
