"""The `sentinel` part of a scenario, of its distractors and its variant, resolved against what was drawn."""

from __future__ import annotations

from sentinel_fleet.facts import Known
from sentinel_fleet.scenario.draw import Draws
from sentinel_fleet.scenario.parts import Groups, parse_facts, parse_part
from sentinel_fleet.sentinel.facts import SENTINEL_FACTS, SentinelPart
from sentinel_fleet.sentinel.plan import SentinelPlan


def parse_sentinel(groups: Groups, draws: Draws, known: Known) -> SentinelPlan | None:
    """The parts of all groups as one: facts add up, for the rest the last one counts; None where there is none.

    Raises:
        ScenarioError: an unknown key, name or node.
    """
    groups = [(place, raw) for place, raw in groups if raw]
    if not groups:
        return None
    part = parse_part(SentinelPart, groups, draws, known)
    return SentinelPlan(part, parse_facts(SENTINEL_FACTS, groups, draws, known))
