"""How a GPU is just now, and what that leaves of its probes. Pure.

What is not known counts as the case in which less is done: of a GPU without a reading the temperature is not known,
and only light probes run. Whether somebody computes on it is not decided here: a reading may be half a minute old, so
the driver is asked right before a deep run (see `running`). Temperatures, utilisation and power limits are the
reference's documented back-off values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sentinel_node.domain.probes import Depth
from sentinel_node.domain.telemetry import GpuSample

WARM_C, HOT_C, COOL_AGAIN_C = 85.0, 95.0, 80.0
"""From the first only light probes run, from the second none, until the third is reached."""
BUSY_PCT, FAIRLY_BUSY_PCT = 90.0, 75.0
POWER_STRESSED = 0.9
"""Of the power limit."""
_NS_PER_S = 1_000_000_000


class Heat(Enum):
    """What a GPU's temperature allows."""

    COOL = "cool"
    WARM = "warm"
    """Light probes only."""
    HOT = "hot"
    """None, until it has cooled down."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """One GPU at one moment; None where it is not known."""

    temperature_c: float | None = None
    utilization_pct: float | None = None
    power_share: float | None = None
    """Of its limit, 0 to 1 and a little more."""
    is_lost: bool = False
    """The driver cannot reach it."""

    @property
    def is_power_stressed(self) -> bool:
        """Whether it draws nearly what it may."""
        return self.power_share is not None and self.power_share >= POWER_STRESSED


UNKNOWN = Conditions()


def conditions_of(sample: GpuSample | None, unix_ns: int, max_age_s: float) -> Conditions:
    """What a reading says at `unix_ns`; one that is older than `max_age_s` says nothing."""
    if sample is None or abs(unix_ns - sample.unix_ns) > max_age_s * _NS_PER_S:
        return UNKNOWN
    if sample.lost:
        return Conditions(is_lost=True)
    power_share = None
    if sample.power_w is not None and sample.power_limit_w:
        power_share = sample.power_w / sample.power_limit_w
    return Conditions(
        temperature_c=sample.temperature_c,
        utilization_pct=sample.utilization_pct,
        power_share=power_share,
    )


def heat_after(before: Heat, temperature_c: float | None) -> Heat:
    """What the temperature allows now; once too hot, nothing until it has cooled down."""
    if before is Heat.HOT and (temperature_c is None or temperature_c > COOL_AGAIN_C):
        return Heat.HOT
    if temperature_c is None:
        return Heat.WARM
    if temperature_c >= HOT_C:
        return Heat.HOT
    return Heat.WARM if temperature_c >= WARM_C else Heat.COOL


def depth_allowed(wanted: Depth, heat: Heat, conditions: Conditions) -> Depth | None:
    """How deep a probe may go; None for not at all."""
    if heat is Heat.HOT or conditions.is_lost:
        return None
    if heat is Heat.WARM or conditions.is_power_stressed:
        return Depth.LIGHT
    return wanted


def stretch(conditions: Conditions) -> int:
    """By how much periods grow: 4 on a busy GPU, 2 on one that is fairly busy or near its power limit, else 1."""
    busy_pct = conditions.utilization_pct
    if busy_pct is not None and busy_pct >= BUSY_PCT:
        return 4
    if (busy_pct is not None and busy_pct >= FAIRLY_BUSY_PCT) or conditions.is_power_stressed:
        return 2
    return 1
