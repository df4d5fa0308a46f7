"""What a scenario decided about SENTINEL in one world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from sentinel_fleet.facts import Fact
from sentinel_fleet.sentinel.facts import DirectiveFact, RecordFact, SentinelFact, SentinelPart

Kind = TypeVar("Kind", bound=Fact)


@dataclass(frozen=True, slots=True)
class SentinelPlan:
    """A gateway, and everything that is reported to it."""

    part: SentinelPart
    facts: Sequence[SentinelFact]

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The facts of a kind, in the order of the file."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def said(self) -> tuple[DirectiveFact | RecordFact, ...]:
        """What people ordered and recorded."""
        return (*self.of(DirectiveFact), *self.of(RecordFact))
