"""What the renderings of this room need of a stored incident; storage's own views have these shapes.

Structural on purpose: rooms do not import each other, and the app hands over what it read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gcm_sentinel.domain.assessment import Assessment
from gcm_sentinel.domain.evidence import Evidence
from gcm_sentinel.domain.incident_record import (
    DeliveryRecord,
    IncidentRecord,
    InvestigationRecord,
    StoredTrigger,
    Symptom,
)
from gcm_sentinel.domain.order_history import OrderBook
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.published_action import PublishedAction
from gcm_sentinel.domain.trigger import Incident, Trigger


class ListedIncident(Protocol):
    """One line of a list."""

    @property
    def record(self) -> IncidentRecord:
        """The incident."""
        ...

    @property
    def lead(self) -> Trigger | None:
        """What opened it."""
        ...

    @property
    def trigger_count(self) -> int:
        """How many triggers it holds."""
        ...

    @property
    def newest(self) -> InvestigationRecord | None:
        """Its newest investigation."""
        ...


class AskedFor(Protocol):
    """What a person asked of an incident."""

    @property
    def kind(self) -> str:
        """``close`` or ``reinvestigate``."""
        ...

    @property
    def by(self) -> str:
        """Who."""
        ...

    @property
    def reason(self) -> str:
        """Why, in their words."""
        ...

    @property
    def at(self) -> datetime:
        """When."""
        ...


class WholeIncident(Protocol):
    """Everything about one incident but the bodies of its investigations."""

    @property
    def record(self) -> IncidentRecord:
        """The incident."""
        ...

    @property
    def lead(self) -> Trigger | None:
        """What opened it."""
        ...

    @property
    def trigger_count(self) -> int:
        """How many triggers it holds; `triggers` may be fewer."""
        ...

    @property
    def triggers(self) -> Sequence[StoredTrigger]:
        """In order of onset."""
        ...

    @property
    def symptoms(self) -> Sequence[Symptom]:
        """What is wrong now."""
        ...

    @property
    def investigations(self) -> Sequence[InvestigationRecord]:
        """Oldest first."""
        ...

    @property
    def deliveries(self) -> Sequence[DeliveryRecord]:
        """Of all its assessments."""
        ...

    @property
    def requests(self) -> Sequence[AskedFor]:
        """Oldest first."""
        ...

    @property
    def merged_into(self) -> str | None:
        """The incident that has its triggers now."""
        ...


class StoredBody(Protocol):
    """One investigation with what it left."""

    @property
    def incident(self) -> Incident | None:
        """As the investigation was given it."""
        ...

    @property
    def assessment(self) -> Assessment | None:
        """None before it is finished, and after retention."""
        ...

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """In the order of the calls."""
        ...

    @property
    def actions(self) -> tuple[PublishedAction, ...]:
        """What it asked for and where that stands."""
        ...


@dataclass(frozen=True, slots=True)
class ShownIncident:
    """An incident with the investigation that is looked at."""

    whole: WholeIncident
    looked_at: InvestigationRecord | None
    """None before the first investigation."""
    body: StoredBody | None
    """What it left; None where there is none."""
    now: datetime
    orders: OrderBook = OrderBook()
    """Of all its investigations, and of the incidents merged into it."""

    @property
    def publication(self) -> Publication | None:
        """What was published of it; None as long as there is no assessment."""
        body = self.body
        if body is None or body.incident is None or body.assessment is None:
            return None
        return Publication(body.incident, body.assessment, body.evidence, body.actions)
