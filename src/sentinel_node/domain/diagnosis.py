"""What a named read-only check found: one observation for each thing it looked at, with figures.

A status never hides a lack of knowledge: what could not be read is UNKNOWN, with the reason, and is no OK.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How one thing looks."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number or word of what was read."""

    name: str
    """With its unit, e.g. ``temperature_c``."""
    value: str


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that a check looked at."""

    status: Status
    subject: str
    """A GPU by its UUID, a device by its PCI address, a process by its number, or ``node``."""
    text: str
    """One sentence."""
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer of one check."""

    name: str
    observations: tuple[Observation, ...]
    started_unix_ns: int
    duration_ns: int

    @property
    def status(self) -> Status:
        """The gravest: BAD before WARNING before UNKNOWN; UNKNOWN as well where nothing was looked at."""
        present = {observation.status for observation in self.observations} or {Status.UNKNOWN}
        return next(status for status in _GRAVEST_FIRST if status in present)


_GRAVEST_FIRST = (Status.BAD, Status.WARNING, Status.UNKNOWN, Status.OK)


def figures(**values: object) -> tuple[Figure, ...]:
    """Figures by name; what is None is left away, because it was not told."""
    return tuple(Figure(name, str(value)) for name, value in values.items() if value is not None)
