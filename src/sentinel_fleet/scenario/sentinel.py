"""The `sentinel` part of a scenario, of its distractors and its variant, resolved against what was drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sentinel_fleet.facts import Known
from sentinel_fleet.scenario.draw import Draws
from sentinel_fleet.scenario.errors import ScenarioError, join, validate
from sentinel_fleet.scenario.template import resolve
from sentinel_fleet.sentinel.facts import SENTINEL_FACTS, SentinelFact, SentinelPart
from sentinel_fleet.sentinel.plan import SentinelPlan

_FACTS = "facts"


def parse_sentinel(groups: Sequence[tuple[str, Mapping[str, Any]]], draws: Draws, known: Known) -> SentinelPlan | None:
    """The parts of all groups (with their place in the file) as one: facts add up, for the rest the last one counts.

    Raises:
        ScenarioError: an unknown key, name or node.
    """
    groups = [(place, raw) for place, raw in groups if raw]
    if not groups:
        return None
    rest = {key: value for _, raw in groups for key, value in raw.items() if key != _FACTS}
    part = validate(SentinelPart, resolve(rest, draws.names, groups[-1][0]), groups[-1][0], known)
    facts = [fact for place, raw in groups for fact in _facts(raw.get(_FACTS, []), join(place, _FACTS), draws, known)]
    return SentinelPlan(part, tuple(facts))


def _facts(entries: object, place: str, draws: Draws, known: Known) -> Iterable[SentinelFact]:
    if not isinstance(entries, list):
        raise ScenarioError(place, "expected a list", entries)
    for index, entry in enumerate(entries):
        where = join(place, index)
        allowed = ", ".join(SENTINEL_FACTS)
        if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in SENTINEL_FACTS:
            raise ScenarioError(where, f"expected exactly one kind of fact; allowed: {allowed}", entry)
        ((kind, body),) = entry.items()
        yield validate(SENTINEL_FACTS[kind], resolve(body, draws.names, join(where, kind)), join(where, kind), known)
