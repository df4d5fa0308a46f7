"""How many of what, in English: "1 entry", "1,234 entries". The one place that knows when a word loses its plural."""

from __future__ import annotations


def counted(number: int, units: str) -> str:
    """A number and its unit, which is given in the plural: `entries`, `signed tree heads`, `times`."""
    return f"{number:,} {unit_of(number, units)}"


def unit_of(number: float, units: str) -> str:
    """`units` as it stands after `number`: singular for exactly one."""
    if number != 1:
        return units
    return f"{units[:-3]}y" if units.endswith("ies") else units.removesuffix("s")
