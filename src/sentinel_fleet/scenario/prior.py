"""The `prior_incidents` of a scenario, resolved against what was drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sentinel_fleet.prior_incidents import PriorIncident, PriorIncidentPart
from sentinel_fleet.scenario.draw import Draws
from sentinel_fleet.scenario.errors import ScenarioError, join, validate
from sentinel_fleet.scenario.template import resolve
from sentinel_fleet.stable import rng


def parse_prior(
    groups: Iterable[tuple[str, Sequence[Mapping[str, Any]]]], draws: Draws, anchor: float
) -> tuple[PriorIncident, ...]:
    """The entries of all groups (with their place in the file), newest first.

    Raises:
        ScenarioError: an unknown key, name or node, or times out of order.
    """
    found = [
        _incident(raw, join(place, index), draws, anchor)
        for place, entries in groups
        for index, raw in enumerate(entries)
    ]
    return tuple(sorted(found, key=lambda incident: -incident.opened_at))


def _incident(raw: Mapping[str, Any], place: str, draws: Draws, anchor: float) -> PriorIncident:
    told = validate(PriorIncidentPart, resolve(dict(raw), draws.names, place), place)
    if told.node not in draws.fleet.by_name:
        raise ScenarioError(join(place, "node"), "no node of this fleet", told.node)
    return PriorIncident(
        id=f"inc-{rng(draws.seed, 'prior-incident', place).getrandbits(40):010x}",
        opened_at=anchor + told.at,
        closed_at=None if told.lasted is None else anchor + told.at + told.lasted,
        told=told,
        taken_at=tuple(anchor + told.at + taken.after for taken in told.taken),
    )
