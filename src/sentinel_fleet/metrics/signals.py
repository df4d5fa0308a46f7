"""The hidden course of a GPU and of a node, from which all their metrics follow, so that they agree with each other.

Utilisation, power, temperature and clocks come from one activity; counters are closed forms of elapsed and busy time,
so that any sample can be computed alone and a counter never falls except at a boot.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

from sentinel_fleet.baseline.fleet import Fleet
from sentinel_fleet.history.node import NodeHistory
from sentinel_fleet.history.pods import Holding
from sentinel_fleet.stable import drift, jitter, seed64, unit

SCRAPE_S = 30.0
_CHECKPOINT_S = 24.0
_LOADING_S = 75.0
_MIB = 1024.0 * 1024.0
_KEPT_MOMENTS = 256
"""Two hours of scrapes: a query reads all metrics of one GPU over the same moments, one metric after the other."""

_KEPT_OF_NODE = 1024
"""Eight hours of scrapes: network ports, which all follow the node's work, are read over longer ranges."""


class GpuSignals:
    """One GPU's activity and what follows from it."""

    def __init__(self, history: NodeHistory, gpu: int, holdings: Sequence[Holding]) -> None:
        self.history = history
        self.fleet: Fleet = history.fleet
        self.model = history.fleet.model
        self.gpu = gpu
        self.seed = seed64(self.fleet.seed, "gpu-signals", history.identity.index, gpu)
        self.holdings = [holding for holding in holdings if holding.gpu == gpu]
        self.offset_w = 11.0 * jitter(self.seed, 1)
        self.offset_c = 2.2 * jitter(self.seed, 2) + 0.5 * (gpu % 4)
        self.activity = lru_cache(_KEPT_MOMENTS)(self._activity)
        """Of a moment: 0 idle, 1 as hard as training works it."""
        self.power_w = lru_cache(_KEPT_MOMENTS)(self._power_w)
        """Board power at a moment and its scrape."""
        self.temperature_c = lru_cache(_KEPT_MOMENTS)(self._temperature_c)
        """Core temperature at a moment and its scrape; follows the smoothed activity, not the single sample."""
        self.busy_s = lru_cache(_KEPT_MOMENTS)(self._busy_s)
        """Seconds between the boot before a moment and it in which a pod held the GPU."""
        self._gang = lru_cache(_KEPT_MOMENTS)(self._gang_seed)

    def holding(self, t: float) -> Holding | None:
        """The pod that holds the GPU: the one that came last, should a scenario give it to two."""
        current = None
        for holding in self.holdings:
            if holding.start <= t < holding.end and (current is None or holding.start >= current.start):
                current = holding
        return current

    def _gang_seed(self, holding: Holding) -> int:
        return seed64(self.fleet.seed, holding.namespace, holding.gang)

    def _activity(self, t: float) -> float:
        holding = self.holding(t)
        if holding is None:
            return 0.0
        if t - holding.start < _LOADING_S:
            return 0.06
        gang = self._gang(holding)
        period = 900.0 + 1500.0 * unit(gang, 0)
        if (t - holding.start) % period < _CHECKPOINT_S:
            return 0.30
        return 0.965 + 0.02 * drift(gang, t, 240.0) + 0.012 * drift(self.seed, t, 90.0)

    def _power_w(self, t: float, k: int) -> float:
        span = self.model.busy_w + self.offset_w - self.model.idle_w
        watts = self.model.idle_w + 0.4 * self.offset_w + span * self.activity(t) / 0.965
        return min(watts + (1.5 + 0.011 * watts) * jitter(self.seed ^ 0x50, k), self.model.limit_w + 2.0)

    def _temperature_c(self, t: float, k: int) -> float:
        heat = self.activity(t) / 0.965
        ambient = 31.0 + 1.2 * drift(self.seed ^ 0x7A, t, 5400.0)
        return ambient + (self.model.busy_c - 31.0 + self.offset_c) * heat + 0.7 * jitter(self.seed ^ 0x51, k)

    def memory_temperature_c(self, t: float, k: int) -> float:
        """HBM temperature, some degrees above the core's under load."""
        return self.temperature_c(t, k) + 3.0 + 7.0 * self.activity(t)

    def sm_clock_mhz(self, t: float, k: int) -> float:
        """SM clock in the 15 MHz steps of the part."""
        low, high = self.model.sm_clock_mhz
        if self.activity(t) < 0.05:
            return 345.0
        near_limit = max(0.0, (self.power_w(t, k) / self.model.limit_w - 0.93) / 0.07)
        clock = high - (high - low) * min(1.0, 0.75 * near_limit + 0.2 * unit(self.seed ^ 0x52, k))
        return 15.0 * round(clock / 15.0)

    def throttle_reasons(self, t: float, k: int) -> float:
        """Bit mask: idle, software power cap, or nothing."""
        if self.activity(t) < 0.05:
            return 1.0
        return 4.0 if self.power_w(t, k) > 0.965 * self.model.limit_w else 0.0

    def memory_used_mib(self, t: float) -> float:
        """Frame buffer in use by a holder."""
        holding = self.holding(t)
        if holding is None:
            return 4.0
        share = 0.84 + 0.11 * unit(seed64(holding.pod), 3)
        return round(self.model.memory_mib * (share if t - holding.start > _LOADING_S else 0.2))

    @property
    def memory_reserved_mib(self) -> float:
        """Frame buffer the driver keeps for itself."""
        return round(self.model.memory_mib * 0.0043)

    def percent(self, t: float, k: int) -> float:
        """GPU utilisation as DCGM rounds it."""
        activity = self.activity(t)
        if activity == 0.0:
            return 0.0
        return float(max(0, min(100, round(100 * activity / 0.965 - 1.6 + 1.5 * jitter(self.seed ^ 0x53, k)))))

    def ratio(self, t: float, k: int, level: float) -> float:
        """A profiling ratio that is at `level` under load."""
        activity = self.activity(t)
        return round(max(0.0, activity * level * (1 + 0.03 * jitter(self.seed ^ int(level * 1e6), k))), 6)

    def since_boot_s(self, t: float) -> float:
        """Seconds the driver has been up."""
        return max(0.0, t - self.history.boot_at(t).at)

    def _busy_s(self, t: float) -> float:
        boot = self.history.boot_at(t).at
        return sum(max(0.0, min(t, held.end) - max(boot, held.start)) for held in self.holdings)

    def grown(self, t: float, k: int, idle_rate: float, busy_rate: float) -> float:
        """A counter that grows by a rate per second when idle and another when busy; strictly monotone."""
        wobble = 0.4 * SCRAPE_S * unit(self.seed ^ 0x54, k)
        busy = self.busy_s(t)
        idle = max(0.0, self.since_boot_s(t) - busy)
        return idle_rate * idle + busy_rate * busy + min(idle_rate, busy_rate or idle_rate) * wobble

    def energy_mj(self, t: float, k: int) -> float:
        """Energy since the driver was loaded."""
        return float(int(1000.0 * self.grown(t, k, self.model.idle_w, self.model.busy_w * 0.985)))

    def small_constant(self, tag: int, chance: float, most: int) -> float:
        """A count most parts have at zero and some carry from their past."""
        return float(1 + int(unit(self.seed, 100 + tag) * most)) if unit(self.seed, tag) < chance else 0.0


class NodeSignals:
    """One host's course."""

    def __init__(self, history: NodeHistory, holdings: Sequence[Holding]) -> None:
        self.history = history
        self.fleet: Fleet = history.fleet
        self.seed = seed64(self.fleet.seed, "node-signals", history.identity.index)
        self._holdings = holdings
        self._busy_s = lru_cache(_KEPT_OF_NODE)(self._mean_busy_s)

    @cached_property
    def gpus(self) -> list[GpuSignals]:
        """Its GPUs."""
        return [GpuSignals(self.history, gpu, self._holdings) for gpu in range(self.fleet.spec.gpus_per_node)]

    def busy_share(self, t: float) -> float:
        """Share of GPUs that a pod holds."""
        held = {holding.gpu for holding in self._holdings if holding.start <= t < holding.end}
        return len(held) / self.fleet.spec.gpus_per_node

    def load(self, t: float, smooth_s: float) -> float:
        """Load average."""
        return round(1.2 + 96.0 * self.busy_share(t) * (1 + 0.1 * drift(self.seed, t, smooth_s)), 2)

    def inlet_c(self, t: float, k: int) -> float:
        """Air at the front."""
        rack = seed64(self.fleet.seed, "inlet", self.history.identity.rack)
        return round(23.0 + 1.2 * drift(rack, t, 7200.0) + 0.3 * jitter(self.seed ^ 0x61, k), 1)

    def outlet_c(self, t: float, k: int) -> float:
        """Air at the back."""
        return round(self.inlet_c(t, k) + 7.0 + 13.0 * self.busy_share(t) + 0.5 * jitter(self.seed ^ 0x62, k), 1)

    def fan_rpm(self, t: float, k: int, fan: int) -> float:
        """Speed of one fan."""
        return float(round(5200 + 5600 * self.busy_share(t) + 60 * jitter(self.seed ^ fan, k)))

    def chassis_power_w(self, t: float, k: int) -> float:
        """Power of the whole chassis at the input."""
        return round(1750.0 + 900.0 * self.busy_share(t) + 1.04 * sum(gpu.power_w(t, k) for gpu in self.gpus), 1)

    def memory_available(self, t: float) -> float:
        """Host memory that could be given out, bytes."""
        share = 0.93 - 0.42 * self.busy_share(t) + 0.01 * drift(self.seed, t, 900.0)
        return float(int(MEMORY_TOTAL_BYTES * share))

    def since_boot_s(self, t: float) -> float:
        """Uptime."""
        return max(0.0, t - self.history.boot_at(t).at)

    def grown(self, t: float, k: int, rate: float, tag: int) -> float:
        """A counter with a steady rate per second since the boot; strictly monotone."""
        return rate * (self.since_boot_s(t) + 0.4 * SCRAPE_S * unit(self.seed ^ tag, k))

    def worked(self, t: float, k: int, rate: float, tag: int) -> float:
        """A counter that grows with the node's GPU work."""
        return rate * self._busy_s(t) + 0.001 * rate * (
            self.since_boot_s(t) + 0.4 * SCRAPE_S * unit(self.seed ^ tag, k)
        )

    def _mean_busy_s(self, t: float) -> float:
        return sum(gpu.busy_s(t) for gpu in self.gpus) / len(self.gpus)


MEMORY_TOTAL_BYTES = 2048 * 1024 * _MIB
