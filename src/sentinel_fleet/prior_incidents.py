"""Incidents of the past: what an investigator's own records held when the trigger came.

They are no part of the served world: no server shows them. Whoever plays a scenario gives them to the agent in its own
shape; the words (classes, severities, actions) are the agent's and are checked there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sentinel_fleet.baseline.fleet import Seconds

HISTORY = "history"
"""The name under which `without_source` takes the records away."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PriorEntity(_Part):
    """What an earlier incident blamed, as far as it was known then."""

    kind: str
    name: str = ""
    node: str | None = None
    index: int | None = None
    uuid: str | None = None
    pci: str | None = None
    serial: str | None = None


class TakenAction(_Part):
    """Something that was carried out then."""

    action: str
    after: Seconds = Field(0.0, ge=0)
    """How long after the incident was opened."""
    result: str = "verified"


class PriorIncidentPart(_Part):
    """One entry of `prior_incidents`."""

    at: Seconds = Field(lt=0)
    """When it was opened, from T0 as everywhere."""
    lasted: Seconds | None = Field(None, ge=0)
    """Until it was closed; None while it is open."""
    node: str
    kinds: Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)] = []
    fault_class: str
    severity: str = "critical"
    confidence: float = Field(0.9, ge=0.0, le=1.0)
    summary: str = ""
    action: str = "drain"
    entities: list[PriorEntity] = []
    taken: list[TakenAction] = []
    close_reason: str = "nothing was wrong for 300 s"

    @model_validator(mode="after")
    def _is_of_the_past(self) -> Self:
        lengths = [taken.after for taken in self.taken]
        if max([*lengths, self.lasted or 0.0]) > -self.at:
            raise ValueError("it reaches beyond T0: `lasted` and `after` count from `at`")
        return self


@dataclass(frozen=True, slots=True)
class PriorIncident:
    """One earlier incident of a world, its times in epoch seconds."""

    id: str
    opened_at: float
    closed_at: float | None
    told: PriorIncidentPart
    """Everything else, as the scenario says it."""
    taken_at: tuple[float, ...]
    """When each of `told.taken` was done."""
