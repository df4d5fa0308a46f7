"""One node at one moment as its agent sees it: its GPUs, who computes on them, and what the driver tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from sentinel.node.v1 import node_pb2
from sentinel_fleet.baseline.fleet import GpuIdentity
from sentinel_fleet.history.pods import Holding
from sentinel_fleet.node_agents.facts import PartName
from sentinel_fleet.node_agents.kernel import mention_of
from sentinel_fleet.node_agents.plan import NodeAgentsPlan
from sentinel_fleet.sentinel.agents import FIRMWARE, SMS
from sentinel_fleet.stable import seed64
from sentinel_fleet.world import World

LOST = "GPU is lost"
"""The driver's words."""
_MIB = 1 << 20

IsThere = Callable[[str, str], bool]
"""Whether the pod of a namespace and name is still there: clients may have evicted it."""


@dataclass(frozen=True, slots=True)
class Process:
    """Something that computes on a GPU."""

    gpu: int
    pid: int
    name: str
    pod_uid: str
    started: float


@dataclass(frozen=True)
class NodeNow:
    """A node when it is asked."""

    world: World
    plan: NodeAgentsPlan
    name: str
    now: float
    """Epoch seconds, by the world's clock."""
    is_there: IsThere

    @property
    def stamp_ns(self) -> int:
        """The moment by the node's own clock, wrong or not."""
        return int((self.now + self.world.history(self.name).clock_offset_s(self.now)) * 1e9)

    @property
    def since_t0_s(self) -> float:
        """Seconds from T0."""
        return self.now - self.world.anchor

    @property
    def boot_id(self) -> str:
        """Of the present boot, without dashes."""
        return self.world.history(self.name).boot_at(self.now).boot_id.replace("-", "")

    def missing(self, part: PartName) -> str:
        """What a part of the agent lacks here; empty where it works."""
        return self.plan.missing(self.name, part)

    @property
    def sms(self) -> int:
        """Streaming multiprocessors of each GPU."""
        return SMS[self._model]

    @property
    def compute(self) -> tuple[int, int]:
        """Compute capability of the GPUs."""
        major, _, minor = self.world.fleet.model.compute.partition(".")
        return int(major), int(minor)

    @cached_property
    def gpus(self) -> tuple[GpuIdentity, ...]:
        """In order of index."""
        return tuple(self.world.fleet.gpus(self.name))

    @cached_property
    def lost(self) -> frozenset[int]:
        """GPUs that fell off the bus in this boot."""
        lines = (line for line in self.world.kernel_lines(self.name, self.now) if self._is_of_boot(line.boot_id))
        addresses = {seen.pci_bus_id for line in lines if (seen := mention_of(line.text)).is_off_bus}
        return frozenset(gpu.index for gpu in self.gpus if f"{gpu.pci}.0" in addresses)

    @cached_property
    def processes(self) -> tuple[Process, ...]:
        """Who computes on GPUs now."""
        held = [one for one in self.world.holders(self.name, self.now) if self.is_there(one.namespace, one.pod)]
        return tuple(self._process(one) for one in held if one.gpu not in self.lost)

    def is_left(self, gpu: int) -> bool:
        """Whether whoever computed on it was sent away by a client: its course in the world does not know that."""
        held = any(one.gpu == gpu for one in self.world.holders(self.name, self.now))
        return held and not any(one.gpu == gpu for one in self.processes)

    def message(self, gpu: GpuIdentity) -> node_pb2.GpuIdentity:
        """A GPU for the wire."""
        model = self.world.fleet.model
        major, minor = self.compute
        return node_pb2.GpuIdentity(
            uuid=gpu.uuid,
            node_name=self.name,
            device_index=gpu.index,
            pci_bus_id=f"{gpu.pci}.0",
            model=model.name,
            serial=gpu.serial,
            driver_version=self.world.fleet.spec.driver,
            vbios_version=FIRMWARE[self._model],
            memory_bytes=model.memory_mib * _MIB,
            compute_capability_major=major,
            compute_capability_minor=minor,
        )

    @property
    def _model(self) -> str:
        return self.world.fleet.model.name

    def _is_of_boot(self, boot_id: str) -> bool:
        return boot_id.replace("-", "") == self.boot_id

    def _process(self, held: Holding) -> Process:
        drawn = seed64(self.world.fleet.seed, "process", held.namespace, held.pod, held.gpu)
        return Process(held.gpu, 20_000 + drawn % 900_000, "python3", self.world.pod_uid(held), held.start)
