"""What a metric of the catalogue is: its name, type, label sets and normal value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

MetricType = Literal["gauge", "counter"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One label set a metric has on a node, beside the labels of its job."""

    labels: Mapping[str, str] = field(default_factory=dict)
    gpu: int | None = None
    """The GPU it is about, so that a fact can name it by index."""
    nic: str | None = None


Value = Callable[[float, int], float]
"""Value at an instant; the second argument numbers the scrape."""


@dataclass(frozen=True, slots=True)
class Described:
    """What metadata says of a metric."""

    name: str
    type: MetricType
    help: str
    noise: float = 0.0
    """Relative noise of a value that a fact sets, unless the fact says otherwise."""

    @property
    def whole(self) -> bool:
        """Counters of a fact take whole steps."""
        return self.type == "counter"


RENAMED: dict[str, str] = {
    "DCGM_FI_DEV_GPU_TEMP": "DCGM_FI_DEV_GPU_TEMP_CELSIUS",
    "DCGM_FI_DEV_POWER_USAGE": "DCGM_FI_DEV_BOARD_POWER_WATTS",
    "DCGM_FI_DEV_XID_ERRORS": "DCGM_FI_DEV_XID_ERROR",
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": "DCGM_FI_DEV_PCIE_REPLAY_TOTAL",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": "DCGM_FI_DEV_ROW_REMAP_FAILED",
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": "DCGM_FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL",
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": "DCGM_FI_DEV_CLOCKS_EVENT_REASONS",
}
"""Classic DCGM names and what DCGM 4.6 calls them."""

_CLASSIC = {new: old for old, new in RENAMED.items()}


def canonical(name: str) -> str:
    """The classic name of a metric, whichever name was given."""
    return _CLASSIC.get(name, name)
