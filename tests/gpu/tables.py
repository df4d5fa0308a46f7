"""Figures as Markdown tables, each against what is wanted of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """One table with a heading and a word on what its figures are."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def __str__(self) -> str:
        lines = [self.head, tuple("---" for _ in self.head), *self.rows]
        return "\n".join([f"### {self.title}", "", self.note, "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def against(figure: float, wanted: float, *, at_most: bool = False) -> str:
    """Whether a figure is what it should be, in words."""
    if math.isnan(figure):
        return "not known"
    is_met = figure <= wanted if at_most else figure >= wanted
    return "met" if is_met else "**NOT MET**"
