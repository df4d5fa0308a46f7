"""`${name}` and `${name.field}` in a scenario's text, resolved against what was drawn.

A text that is nothing but one reference keeps the value's type: a GPU's index stays a number, a list of nodes a list.
`$${` stands for a literal `${`. Once references are replaced, `@{-45m}` inside a text, and `@-45m` as a whole text,
become that instant of T0 as Kubernetes prints it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sentinel_fleet.scenario.errors import ScenarioError, join
from sentinel_fleet.times import parse_duration, rfc3339

Plain: TypeAlias = "None | bool | int | float | str | list[Plain] | dict[str, Plain]"

T0 = "T0"
"""The name under which the anchor stands among the drawn names; its thing is the epoch seconds."""

_INSTANT = re.compile(r"@\{([^{}]*)\}|^@([+-]\w+)$")
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawn value: what it is as plain data, its fields, and the thing it stands for."""

    kind: str
    plain: Plain
    fields: Mapping[str, Drawn | Plain] = field(default_factory=dict)
    thing: object = None


Names: TypeAlias = Mapping[str, Drawn]


def resolve(raw: object, names: Names, place: str) -> Plain:
    """The plain data with every reference replaced.

    Raises:
        ScenarioError: a reference names nothing that was drawn.
    """
    if isinstance(raw, str):
        return _resolve_text(raw, names, place)
    if isinstance(raw, list):
        return [resolve(item, names, join(place, index)) for index, item in enumerate(raw)]
    if isinstance(raw, dict):
        return {
            str(resolve(key, names, place)): resolve(value, names, join(place, str(key))) for key, value in raw.items()
        }
    if raw is None or isinstance(raw, bool | int | float):
        return raw
    raise ScenarioError(place, "not plain data; quote it if it is meant as text", str(raw))


def _resolve_text(text: str, names: Names, place: str) -> Plain:
    whole = _REFERENCE.fullmatch(text)
    if whole is not None and whole.group(1) is not None:
        return look_up(whole.group(1), names, place)

    def substitute(match: re.Match[str]) -> str:
        reference = match.group(1)
        return "${" if reference is None else _as_text(look_up(reference, names, place), reference, place)

    return _with_instants(_REFERENCE.sub(substitute, text), names, place)


def _with_instants(text: str, names: Names, place: str) -> str:
    anchor = names[T0].thing if T0 in names else None
    if not isinstance(anchor, float):
        return text

    def instant(match: re.Match[str]) -> str:
        duration = match.group(1) or match.group(2) or ""
        try:
            return rfc3339(anchor + parse_duration(duration))
        except ValueError as error:
            raise ScenarioError(place, str(error), match.group(0)) from None

    return _INSTANT.sub(instant, text)


def look_up(reference: str, names: Names, place: str) -> Plain:
    """The plain value of `name` or `name.field`."""
    head, *path = reference.split(".")
    if head not in names:
        raise ScenarioError(place, f"unknown name; drawn so far: {', '.join(names) or 'nothing'}", f"${{{reference}}}")
    value: Drawn | Plain = names[head]
    for step in path:
        value = _field(value, step, reference, place)
    return value.plain if isinstance(value, Drawn) else value


def _field(value: Drawn | Plain, step: str, reference: str, place: str) -> Drawn | Plain:
    fields: Mapping[str, Drawn | Plain] = {}
    if isinstance(value, Drawn):
        fields = value.fields
    elif isinstance(value, list):
        fields = {str(index): item for index, item in enumerate(value)}
    if step not in fields:
        allowed = ", ".join(fields) or "it has none"
        raise ScenarioError(place, f"no field {step!r}; allowed: {allowed}", f"${{{reference}}}")
    return fields[step]


def _as_text(value: Plain, reference: str, place: str) -> str:
    if isinstance(value, list | dict):
        raise ScenarioError(
            place,
            "a list cannot stand inside text; use one item such as .0, or the reference alone",
            f"${{{reference}}}",
        )
    return str(value)
