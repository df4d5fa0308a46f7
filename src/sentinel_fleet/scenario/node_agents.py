"""The `node_agents` part of a scenario, of its distractors and its variant, resolved against what was drawn."""

from __future__ import annotations

from sentinel_fleet.facts import Known
from sentinel_fleet.node_agents.facts import NODE_AGENT_FACTS, NodeAgentsPart
from sentinel_fleet.node_agents.plan import NodeAgentsPlan
from sentinel_fleet.scenario.draw import Draws
from sentinel_fleet.scenario.parts import Groups, MaybeGroups, parse_facts, parse_part
from sentinel_fleet.sentinel.facts import ProbeFact
from sentinel_fleet.sentinel.plan import SentinelPlan


def parse_node_agents(
    groups: Groups, draws: Draws, known: Known, sentinel: SentinelPlan | None
) -> NodeAgentsPlan | None:  # fmt: skip
    """The parts of all groups as one; None where nobody gave one, or a part turns agents off.

    What the gateway was told of the silicon holds for the probes of node agents as well.

    Raises:
        ScenarioError: an unknown key, name or node.
    """
    if not groups:
        return None
    part = parse_part(NodeAgentsPart, groups, draws, known)
    told = [] if sentinel is None else [fact for fact in sentinel.facts if isinstance(fact, ProbeFact)]
    return NodeAgentsPlan(part, (*told, *parse_facts(NODE_AGENT_FACTS, groups, draws, known)))


def given(groups: MaybeGroups) -> Groups:
    """The groups that say anything."""
    return [(place, raw) for place, raw in groups if raw is not None]
