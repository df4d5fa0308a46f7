"""What a scenario decided about the agents on nodes in one world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sentinel_fleet.node_agents.facts import NodeAgentsPart, PartName
from sentinel_fleet.sentinel.facts import ProbeFact


@dataclass(frozen=True, slots=True)
class NodeAgentsPlan:
    """Agents, and what probes find."""

    part: NodeAgentsPart
    facts: Sequence[ProbeFact]
    """Also those that a SENTINEL gateway of the world was told: one truth, seen from two sides."""

    def runs_on(self, node: str) -> bool:
        """Whether the node has an agent."""
        return self.part.nodes is None or node in self.part.nodes

    def missing(self, node: str, part: PartName) -> str:
        """What a part of the service lacks there; empty where it works."""
        for lack in self.part.lacks:
            if node in lack.node and part in lack.parts:
                return lack.missing
        return ""
