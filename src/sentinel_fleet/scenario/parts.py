"""A part of a scenario with `facts` of its own: those of the file, its distractors and its variant put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from sentinel_fleet.facts import Fact, Known
from sentinel_fleet.scenario.draw import Draws
from sentinel_fleet.scenario.errors import ScenarioError, join, validate
from sentinel_fleet.scenario.template import resolve

_FACTS = "facts"
Groups = Sequence[tuple[str, Mapping[str, Any]]]
"""The raw parts with their place in the file."""
MaybeGroups = Sequence[tuple[str, Mapping[str, Any] | None]]
"""The same, None where nothing is said."""
Part = TypeVar("Part", bound=BaseModel)
AnyFact = TypeVar("AnyFact", bound=Fact)


def parse_part(model: type[Part], groups: Groups, draws: Draws, known: Known) -> Part:
    """Everything but the facts: what comes later counts.

    Raises:
        ScenarioError: an unknown key, name or node.
    """
    rest = {key: value for _, raw in groups for key, value in raw.items() if key != _FACTS}
    place = groups[-1][0]
    return validate(model, resolve(rest, draws.names, place), place, known)


def parse_facts(
    kinds: Mapping[str, type[AnyFact]], groups: Groups, draws: Draws, known: Known
) -> tuple[AnyFact, ...]:  # fmt: skip
    """The facts of all groups, in their order.

    Raises:
        ScenarioError: an unknown kind, key, name or node.
    """
    placed = ((raw.get(_FACTS, []), join(place, _FACTS)) for place, raw in groups)
    return tuple(fact for entries, place in placed for fact in _facts(kinds, entries, place, (draws, known)))


def _facts(
    kinds: Mapping[str, type[AnyFact]], entries: object, place: str, world: tuple[Draws, Known]
) -> Iterable[AnyFact]:  # fmt: skip
    if not isinstance(entries, list):
        raise ScenarioError(place, "expected a list", entries)
    draws, known = world
    for index, entry in enumerate(entries):
        where = join(place, index)
        if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in kinds:
            raise ScenarioError(where, f"expected exactly one kind of fact; allowed: {', '.join(kinds)}", entry)
        ((kind, body),) = entry.items()
        yield validate(kinds[kind], resolve(body, draws.names, join(where, kind)), join(where, kind), known)
