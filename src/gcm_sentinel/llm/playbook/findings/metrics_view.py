"""Reading the side-by-side GPU metrics: one metric under all its names, and each GPU's series in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType

from gcm_sentinel.domain.assessment import Citation
from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.summaries import GpuMetric, SeriesStats
from gcm_sentinel.llm.playbook.identity import GpuRef
from gcm_sentinel.llm.playbook.observations import Observations

_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "temp": ("GPU_TEMP", "GPU_TEMP_CELSIUS"),
    "memory_temp": ("MEMORY_TEMP", "MEMORY_TEMP_CELSIUS"),
    "power": ("POWER_USAGE", "BOARD_POWER_WATTS", "POWER_USAGE_WATTS"),
    "util": ("GPU_UTIL", "GPU_UTIL_RATIO", "GPU_UTIL_PERCENT"),
    "engine_active": ("GR_ENGINE_ACTIVE", "GR_ENGINE_ACTIVE_RATIO"),
    "sm_clock": ("SM_CLOCK", "SM_CLOCK_MHZ", "SM_CLOCK_HERTZ"),
    "xid": ("XID_ERRORS", "XID_ERROR"),
    "replay": ("PCIE_REPLAY_COUNTER", "PCIE_REPLAY_TOTAL"),
    "remap_failure": ("ROW_REMAP_FAILURE", "ROW_REMAP_FAILED"),
    "remap_pending": ("ROW_REMAP_PENDING",),
    "remap_uncorrectable": ("UNCORRECTABLE_REMAPPED_ROWS", "ROW_REMAP_UNCORRECTABLE_TOTAL"),
    "remap_correctable": ("CORRECTABLE_REMAPPED_ROWS", "ROW_REMAP_CORRECTABLE_TOTAL"),
    "dbe": ("ECC_DBE_VOL_TOTAL", "ECC_DBE_VOLATILE_TOTAL", "ECC_UNCORRECTABLE_VOLATILE_TOTAL"),
    "sbe": ("ECC_SBE_VOL_TOTAL", "ECC_SBE_VOLATILE_TOTAL", "ECC_CORRECTABLE_VOLATILE_TOTAL"),
    "reasons": ("CLOCK_THROTTLE_REASONS", "CLOCKS_EVENT_REASONS"),
    "thermal_ns": ("CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_NS", "CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_NS",
                   "THERMAL_VIOLATION", "THERMAL_VIOLATION_TOTAL"),
    "brake_ns": ("CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS",),
    "link_gen": ("PCIE_LINK_GEN", "PCIE_LINK_GENERATION"),
    "link_width": ("PCIE_LINK_WIDTH",),
    "link_width_max": ("PCIE_MAX_LINK_WIDTH", "PCIE_LINK_WIDTH_MAX"),
    "nvlink_replay": ("NVLINK_REPLAY_ERROR_COUNT_TOTAL", "NVLINK_REPLAY_ERROR_TOTAL"),
    "nvlink_recovery": ("NVLINK_RECOVERY_ERROR_COUNT_TOTAL", "NVLINK_RECOVERY_ERROR_TOTAL"),
    "nvlink_crc": ("NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "NVLINK_CRC_DATA_ERROR_COUNT_TOTAL"),
    "nvlink_bytes": ("NVLINK_BANDWIDTH_TOTAL", "NVLINK_BANDWIDTH_BYTES_TOTAL"),
    "fb_used": ("FB_USED", "FB_USED_MEBIBYTES", "FB_USED_BYTES"),
    "fb_free": ("FB_FREE", "FB_FREE_MEBIBYTES", "FB_FREE_BYTES"),
    "fabric_status": ("FABRIC_MANAGER_STATUS", "FABRIC_STATUS"),
    "sram_exceeded": ("THRESHOLD_SRM", "SRAM_EXCEEDED"),
    "energy": ("TOTAL_ENERGY_CONSUMPTION", "ENERGY_CONSUMPTION_MILLIJOULES_TOTAL"),
    "recovery": ("GET_GPU_RECOVERY_ACTION", "GPU_RECOVERY_ACTION"),
})  # fmt: skip
"""Our word -> field names without prefix, old and new (DCGM renamed many fields and kept the old ones as aliases)."""

_SILENCE_S = 150.0
"""Longer than any usual scrape interval, twice over."""
SAME_SCRAPE_S = 5.0
"""An exporter answers for all its GPUs at once: one that is further behind its peers missed a scrape."""
_BEHIND_S = 45.0
LIVELY = ("temp", "power", "sm_clock")
"""Series that never stand still on a living GPU under any load."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One GPU's series of one metric."""

    path: str
    metric: str
    stats: SeriesStats


def bare(name: str) -> str:
    """A DCGM field name without its prefix."""
    for prefix in ("DCGM_FI_DEV_", "DCGM_FI_PROF_", "DCGM_FI_", "DCGM_EXP_"):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def find(obs: Observations, word: str) -> tuple[int, GpuMetric] | None:
    """The exported metric our word stands for, with its place; None when it is not exported.

    Raises:
        Bug: there is no such word.
    """
    names = _NAMES.get(word)
    if names is None:
        raise Bug(f"no metric is called {word!r} here; there are {', '.join(_NAMES)}")
    exported = _exported(obs)
    return min((exported[name] for name in names if name in exported), key=lambda entry: entry[0], default=None)


def _exported(obs: Observations) -> dict[str, tuple[int, GpuMetric]]:
    """The exported metrics with their places, by name without prefix; the first of each name."""
    known: dict[str, tuple[int, GpuMetric]] | None = obs.memo.get("exported")
    if known is None:
        known = {}
        for place, metric in enumerate(obs.metrics.data["metrics"] if obs.metrics else []):
            if metric["present"]:
                known.setdefault(bare(metric["metric"]), (place, metric))
        obs.memo["exported"] = known
    return known


def readings(obs: Observations, word: str) -> Mapping[int, Reading]:
    """Every GPU's series of a metric by index; empty when it is not exported."""
    known: dict[int, Reading] | None = obs.memo.get(("readings", word))
    if known is None:
        known = obs.memo["readings", word] = _readings(obs, word)
    return known


def _readings(obs: Observations, word: str) -> dict[int, Reading]:
    found = find(obs, word)
    if found is None:
        return {}
    place, metric = found
    return {
        int(index): Reading(f"metrics[{place}].by_gpu.{index}", metric["metric"], stats)
        for index, stats in metric["by_gpu"].items()
        if index.isdigit()
    }


def chosen(obs: Observations, word: str, gpu: GpuRef | None) -> Mapping[int, Reading]:
    """The series of one GPU, or of all when none is given."""
    every = readings(obs, word)
    if gpu is None:
        return every
    return {gpu.index: every[gpu.index]} if gpu.index is not None and gpu.index in every else {}


def live(reading: Reading, newest_s: float = 0.0) -> bool:
    """Whether the series goes on: it reaches the end of the window, and its peers are not ahead by two scrapes.

    `newest_s` is how long ago the newest peer ended.
    """
    ended = reading.stats["ended_s_ago"]
    return ended <= _SILENCE_S and ended - newest_s < _BEHIND_S


def newest(every: Iterable[Reading]) -> float:
    """How long ago the freshest of some series ended."""
    return min((reading.stats["ended_s_ago"] for reading in every), default=0.0)


def peers_median(every: Mapping[int, Reading], index: int, field: str = "last") -> float | None:
    """The median over the other GPUs; None with fewer than two of them."""
    others = [float(reading.stats[field]) for place, reading in every.items() if place != index]  # type: ignore[literal-required]
    return median(others) if len(others) >= 2 else None


def figure(obs: Observations, reading: Reading, field: str = "last") -> Citation:
    """A citation of one figure of a series."""
    assert obs.metrics is not None  # noqa: S101 - a reading exists only where metrics were read
    return obs.metrics.figure(f"{reading.path}.{field}")


def busy(obs: Observations, index: int) -> bool | None:
    """Whether the GPU is working now; None when no series tells."""
    util = readings(obs, "util").get(index)
    if util is not None:
        return util.stats["mean"] >= 15 or util.stats["last"] >= 15
    engine = readings(obs, "engine_active").get(index)
    if engine is not None:
        return engine.stats["mean"] >= 0.15
    power = readings(obs, "power").get(index)
    return power.stats["mean"] >= 250 if power is not None else None
