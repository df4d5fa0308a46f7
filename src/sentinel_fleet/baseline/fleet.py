"""The machines of a fleet: names, racks, addresses, GPUs; everything computed from the seed, nothing stored per GPU.

A leaf switch serves two racks, a power feed four, an NVLink domain is the node (GB200: the rack). All nodes of a
fleet carry their GPUs at the same PCI addresses, as machines of one model do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sentinel_fleet.baseline.hardware import MODELS, PCI_BUSES, GpuModel
from sentinel_fleet.baseline.words import NODE_PREFIXES
from sentinel_fleet.stable import jitter, rng, seed64, stable_uuid, unit
from sentinel_fleet.times import ALLOWED, parse_duration

_EXPORTER_NET = int(IPv4Address("127.64.0.0"))
_HOST_NET = int(IPv4Address("10.12.0.0"))
_RACKS_PER_LEAF = 2
_RACKS_PER_FEED = 4
_DAY_S = 86400.0


def _seconds(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(f"not a duration; expected {ALLOWED}")


Seconds = Annotated[float, BeforeValidator(_seconds)]
"""A duration in the file, seconds inside."""

ModelName = Literal["NVIDIA H200", "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB", "NVIDIA B200", "NVIDIA GB200"]


class FleetSpec(BaseModel):
    """The `fleet` part of a scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    racks: int = Field(4, ge=1, le=2000)
    nodes_per_rack: int = Field(4, ge=1, le=99)
    gpus_per_node: int = Field(8, ge=1, le=16)
    nics_per_node: int = Field(8, ge=0, le=16)
    gpu_model: ModelName = "NVIDIA H200"
    driver: str = "580.159.03"
    node_prefix: str | None = Field(None, pattern=r"^[a-z][a-z0-9-]*$")
    history: Seconds = 3 * _DAY_S
    exporter: Literal["default", "extended"] = "extended"
    metric_names: Literal["classic", "renamed"] = "classic"
    busy: float = Field(0.7, ge=0.0, le=1.0)
    boot_age: Seconds | None = None
    janitor: bool = False
    """Whether NVSentinel's janitor is installed: its GPUReset and RebootNode kinds are served."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """One machine."""

    index: int
    name: str
    rack: str
    slot: int
    """Position in the rack, from 1."""
    leaf: str
    power_feed: str
    zone: str
    clique: str
    """NVLink domain and clique, as nvidia.com/gpu.clique spells them."""
    ip: str
    exporter_ip: str
    """Address of the exporter pods: unique per node, inside 127.64.0.0/10, so that the fleet can really be scraped."""
    uid: str


@dataclass(frozen=True, slots=True)
class GpuIdentity:
    """One GPU."""

    node: str
    index: int
    uuid: str
    pci: str
    """Domain, bus and device, as kernel lines carry it: 0000:17:00."""
    serial: str

    @property
    def pci_full(self) -> str:
        """As exporters print it: 00000000:17:00.0."""
        domain, rest = self.pci.split(":", 1)
        return f"{domain.zfill(8)}:{rest.upper()}.0"

    @property
    def port(self) -> str:
        """The upstream PCIe port, two buses below."""
        domain, bus, _ = self.pci.split(":")
        return f"{domain}:{max(int(bus, 16) - 2, 0):02x}:01.0"


class Fleet:
    """All machines of a world."""

    def __init__(self, spec: FleetSpec, seed: str, *, on_loopback: bool = False) -> None:
        """With `on_loopback` nodes have the addresses of their exporters, so that agents on them can be reached."""
        self.spec = spec
        self._on_loopback = on_loopback
        self.seed = seed
        self.prefix = spec.node_prefix or rng(seed, "node-prefix").choice(NODE_PREFIXES)
        self.model: GpuModel = MODELS[spec.gpu_model]
        self.nodes: tuple[NodeIdentity, ...] = tuple(self._build())
        self.by_name: dict[str, NodeIdentity] = {node.name: node for node in self.nodes}
        self.pci: tuple[str, ...] = self._draw_pci()

    def gpu(self, node: str, index: int) -> GpuIdentity:
        """One GPU of one node; pure arithmetic."""
        uuid = f"GPU-{stable_uuid(self.seed, 'gpu', self.by_name[node].index, index)}"
        serial = f"165{seed64(self.seed, 'serial', self.by_name[node].index, index) % 10**10:010d}"
        return GpuIdentity(node, index, uuid, self.pci[index], serial)

    def gpus(self, node: str) -> Iterator[GpuIdentity]:
        """All GPUs of one node, by index."""
        return (self.gpu(node, index) for index in range(self.spec.gpus_per_node))

    def nic_pci(self, index: int) -> str:
        """PCI address of a NIC, the same on all nodes."""
        return f"0000:{0x1C + 9 * index:02x}:00.0"

    def boot_age_s(self, node: NodeIdentity) -> float:
        """How long before T0 the node booted, when no fact says otherwise: racks boot together, minutes apart."""
        if self.spec.boot_age is not None:
            return self.spec.boot_age
        days = 5.0 + 35.0 * unit(seed64(self.seed, "boot-age"), int(node.rack[1:]))
        return days * _DAY_S + 2400.0 * jitter(seed64(self.seed, "boot-minute"), node.index)

    @cached_property
    def by_exporter_ip(self) -> dict[str, NodeIdentity]:
        """Exporter address -> node."""
        return {node.exporter_ip: node for node in self.nodes}

    @cached_property
    def by_uuid(self) -> dict[str, tuple[str, int]]:
        """GPU UUID -> node name and index; built on first use because large fleets rarely need it."""
        return {gpu.uuid: (node.name, gpu.index) for node in self.nodes for gpu in self.gpus(node.name)}

    def _build(self) -> Iterator[NodeIdentity]:
        rack_digits = max(2, len(str(self.spec.racks)))
        shared_domain = self.spec.gpu_model == "NVIDIA GB200"
        for number in range(self.spec.racks * self.spec.nodes_per_rack):
            rack_number, slot = divmod(number, self.spec.nodes_per_rack)
            rack = f"r{rack_number + 1:0{rack_digits}d}"
            name = f"{self.prefix}-{rack}-n{slot + 1:02d}"
            domain = stable_uuid(self.seed, "nvlink-domain", rack if shared_domain else number)
            exporter_ip = str(IPv4Address(_EXPORTER_NET + 1 + number))
            yield NodeIdentity(
                index=number,
                name=name,
                rack=rack,
                slot=slot + 1,
                leaf=f"leaf-{rack_number // _RACKS_PER_LEAF + 1:02d}",
                power_feed=f"feed-{rack_number // _RACKS_PER_FEED + 1:02d}",
                zone=f"az-{rack_number // 16 + 1}",
                clique=f"{domain}.{rack_number if shared_domain else 0}",
                ip=exporter_ip if self._on_loopback else str(IPv4Address(_HOST_NET + 16 + number)),
                exporter_ip=exporter_ip,
                uid=stable_uuid(self.seed, "node", number),
            )

    def _draw_pci(self) -> tuple[str, ...]:
        fixed = self.model.pci_buses
        random = rng(self.seed, "pci")
        buses = [f"0000:{random.choice(column)}:00" for column in PCI_BUSES]
        buses += [f"0001:{column[0]}:00" for column in PCI_BUSES]
        return (fixed + tuple(buses))[: self.spec.gpus_per_node]
