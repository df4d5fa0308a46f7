"""One measured figure beside its budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A name, a value with its unit, and what it should be."""

    name: str
    value: float
    unit: str
    budget: str

    @property
    def line(self) -> str:
        """As it is printed."""
        return f"{self.name:<52} {self.value:>10.3f} {self.unit:<8} budget {self.budget}"
