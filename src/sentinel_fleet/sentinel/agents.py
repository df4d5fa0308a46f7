"""The GPUs as their probe agents describe them, and how warm they were; all of it from the world that is served."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from sentinel_fleet.baseline.hardware import MODELS
from sentinel_fleet.facts import ClockFact
from sentinel_fleet.ports import LabelMatcher
from sentinel_fleet.sentinel.facts import ProbeFact
from sentinel_fleet.sentinel.plan import SentinelPlan
from sentinel_fleet.world import World

SMS = {
    "NVIDIA H200": 132,
    "NVIDIA H100 80GB HBM3": 132,
    "NVIDIA A100-SXM4-80GB": 108,
    "NVIDIA B200": 148,
    "NVIDIA GB200": 152,
}
"""Streaming multiprocessors of each model."""
FIRMWARE = {
    "NVIDIA H200": "96.00.B9.00.02",
    "NVIDIA H100 80GB HBM3": "96.00.89.00.01",
    "NVIDIA A100-SXM4-80GB": "92.00.9E.00.06",
    "NVIDIA B200": "97.00.82.00.15",
    "NVIDIA GB200": "97.00.B9.00.0A",
}
"""VBIOS versions of the shapes that `nvidia-smi` prints."""
_TEMPERATURE = "DCGM_FI_DEV_GPU_TEMP"


@dataclass(frozen=True, slots=True)
class ProbedGpu:
    """One GPU, as its agent describes it."""

    node: str
    index: int
    uuid: str
    model: str
    driver: str
    firmware: str

    @property
    def sms(self) -> int:
        """How many streaming multiprocessors it has."""
        return SMS[self.model]


class Agents:
    """Everybody who reports."""

    def __init__(self, world: World, plan: SentinelPlan) -> None:
        self.world = world
        self.plan = plan
        self.nodes: tuple[str, ...] = tuple(plan.part.nodes or (node.name for node in world.fleet.nodes))
        self.closely: frozenset[str] = frozenset(plan.part.closely or self._named())
        """Nodes whose GPUs report every SM."""
        self._clocks = [fact for fact in world.plan.facts if isinstance(fact, ClockFact)]

    def gpus(self, node: str) -> Iterator[ProbedGpu]:
        """The GPUs of a node."""
        return (self.gpu(node, index) for index in range(self.world.fleet.spec.gpus_per_node))

    def gpu(self, node: str, index: int) -> ProbedGpu:
        """One GPU."""
        spec = self.world.fleet.spec
        model, driver, firmware = str(spec.gpu_model), spec.driver, ""
        for versions in self.plan.part.versions:
            if node in versions.node:
                model = versions.model or model
                driver, firmware = versions.driver or driver, versions.firmware or firmware
        uuid = self.world.fleet.gpu(node, index).uuid
        return ProbedGpu(node, index, uuid, model, driver, firmware or FIRMWARE[model])

    def clock_ahead_s(self, node: str, at: float) -> float:
        """By how much the node's clock is wrong at a moment (seconds from T0)."""
        ahead = 0.0
        for fact in self._clocks:
            if node in fact.node and fact.at <= at:
                ahead = fact.offset
        return ahead

    def temperatures(self, gpu: ProbedGpu) -> Temperatures:
        """How warm a GPU was while it was probed."""
        anchor, since = self.world.anchor, self.plan.part.since
        ordinary = MODELS[gpu.model].busy_c
        matchers = [LabelMatcher("__name__", "=", _TEMPERATURE), LabelMatcher("UUID", "=", gpu.uuid)]
        samples = [
            (at - anchor, value)
            for series in self.world.series.select(matchers)
            for at, value in series.samples(anchor - since - 60.0, anchor)
        ]
        return Temperatures(sorted(samples), ordinary)

    def _named(self) -> set[str]:
        """The trigger's node, and those on which single SMs fail."""
        return {self.world.trigger.node, *(node for fact in self.plan.of(ProbeFact) if fact.sm for node in fact.node)}


class Temperatures:
    """One GPU's temperature over time, in degrees Celsius."""

    def __init__(self, samples: list[tuple[float, float]], ordinary_c: float) -> None:
        self._times = [at for at, _ in samples]
        self._values = [value for _, value in samples]
        self._ordinary_c = ordinary_c

    def at(self, at: float) -> float:
        """The last sample before a moment (seconds from T0)."""
        place = bisect_right(self._times, at) - 1
        return self._values[place] if place >= 0 else self._ordinary_c
