"""What a remediation tool is given when it is built: eyes only. It acts through the hands it is lent for one order.

A tool module offers ``build(context: ToolContext) -> RemediationTool | None`` and is registered by an entry point of
the group ``gcm_sentinel.tools``. Building does no I/O; None says that what the tool needs is not configured here, so
nobody is offered it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from gcm_sentinel.clients.kubernetes import KubeObject
from gcm_sentinel.clients.kubernetes.client import Objects, Params
from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS
from gcm_sentinel.domain.deep_probing import DeepProbing
from gcm_sentinel.domain.gpu_health import GpuHealth
from gcm_sentinel.domain.node_agent import GpuReading, NodeDescription, ProbePermission
from gcm_sentinel.domain.protocols import Clock
from gcm_sentinel.domain.sentinel_events import Directive


class ClusterReader(Protocol):
    """The reading face of the Kubernetes client."""

    async def get(self, path: str, params: Params | None = None) -> KubeObject:
        """One object."""
        ...

    async def list(self, path: str, params: Params | None = None, page: int = 500) -> tuple[Objects, str]:
        """All objects of a collection and the list's resource version."""
        ...


class GatewayReader(Protocol):
    """The reading face of the SENTINEL gateway's client."""

    async def gpu(self, uuid: str) -> GpuHealth | None:
        """One GPU's health; None where nobody ever reported about it."""
        ...

    async def directive(self, directive_id: str) -> Directive | None:
        """One directive and what became of it; None where there is none of that id."""
        ...


class NodeReader(Protocol):
    """The reading face of the agents on GPU nodes, each asked by the exact name of its node."""

    async def describe(self, node: str) -> NodeDescription:
        """The node, its GPUs, what works there and which probes it lets run."""
        ...

    async def telemetry(self, node: str) -> tuple[GpuReading, ...]:
        """What the driver says of every GPU now."""
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Everything a tool may look through."""

    cluster: ClusterReader
    clock: Clock
    policy: ActingPolicy = field(default_factory=ActingPolicy)
    gateway: GatewayReader | None = None
    """None where no gateway is configured."""
    watch_conditions: tuple[str, ...] = DEFAULT_WATCH_CONDITIONS
    """What the watcher goes by: condition types, globs and polarities."""
    node_agents: NodeReader | None = None
    """None where no agents on GPU nodes are configured."""
    probes: ProbePermission = ProbePermission.LIGHT
    """Which probes the operator lets us ask for; a node's own bound is its agent's."""
    deep_probing: DeepProbing = field(default_factory=DeepProbing)
