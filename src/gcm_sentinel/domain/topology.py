"""Where a node stands in the fleet: what it shares with other nodes and can fail with.

Built by triage/topology.py from node labels, SENTINEL identifiers and metrics; read by folding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gcm_sentinel.domain.trigger import FaultScope

SHARED_CAUSE = "shared_cause"
"""Topology key of nodes whose GPUs fail for one reason, as a SENTINEL gateway says: no coincidence to be weighed."""

TOPOLOGY_KINDS = (
    SHARED_CAUSE,
    "nvlink_domain",
    "leaf_switch",
    "rail",
    "rack",
    "power_feed",
    "job",
    "rollout",
    "driver_version",
    "firmware_version",
    "kernel_version",
    "instance_type",
    "zone",
)
"""Topology keys folding knows, the most specific first (which one wins when two explain a burst equally well). A key
of an operator that is not here comes after them."""

DEFAULT_TOPOLOGY_LABELS: Mapping[str, str] = {
    "rack": "topology.kubernetes.io/rack",
    "power_feed": "topology.kubernetes.io/power-feed",
    "leaf_switch": "network.topology.nvidia.com/leaf",
    "nvlink_domain": "nvidia.com/gpu.clique",
    "driver_version": "nvidia.com/cuda.driver-version.full",
    "kernel_version": "feature.node.kubernetes.io/kernel-version.full",
    "instance_type": "node.kubernetes.io/instance-type",
    "zone": "topology.kubernetes.io/zone",
}
"""Topology key -> node label; every site may override it in the settings.

`rail`, `job`, `rollout` and `firmware_version` have no label in common use: a site names its own, or a query that tells
them (``GCM_SENTINEL_TOPOLOGY_QUERIES``).
"""


class NodeObserver(Protocol):
    """Is told of every node a watcher sees, so that nobody lists nodes twice."""

    def seen(self, node: str, labels: Mapping[str, str]) -> None:
        """A node exists and has these labels."""
        ...

    def gone(self, node: str) -> None:
        """A node does not exist any more."""
        ...


class GroupObserver(Protocol):
    """Is told what nodes share that no label of theirs says."""

    def overlay(self, kind: str, groups: Mapping[str, str]) -> None:
        """What is known of one topology key, node to group; replaces what was known of that key."""
        ...


@dataclass(frozen=True, slots=True)
class TopologyView:
    """The fleet's groups as folding needs them, frozen at one moment."""

    groups_of: Mapping[str, tuple[FaultScope, ...]]
    """Node -> the groups it belongs to. Nodes without any are left out."""
    size_of: Mapping[FaultScope, int]
    """Group -> how many nodes of the fleet belong to it."""
