"""The prior incidents of a scenario as the agent's own history: what demo and eval know of the past.

`history_of(world)` answers from them and, for a world whose records are taken away, as a store that is out of reach;
`past_incidents(world)` gives them as values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TypeVar

from gcm_sentinel.domain.actions import Action
from gcm_sentinel.domain.assessment import Severity
from gcm_sentinel.domain.entity import Entity, EntityKind
from gcm_sentinel.domain.errors import BadConfiguration, Unreachable
from gcm_sentinel.domain.faults import FaultClass
from gcm_sentinel.domain.history import HistoryQuery, IncidentHistory, PastIncident
from sentinel_fleet.prior_incidents import PriorEntity, PriorIncident
from sentinel_fleet.world import World

_Word = TypeVar("_Word", bound=Enum)


def past_incidents(world: World) -> tuple[PastIncident, ...]:
    """The world's prior incidents, newest first; none when its records are taken away.

    Raises:
        BadConfiguration: a class, severity, action or kind of entity that does not exist.
    """
    return tuple(_past(incident) for incident in world.prior_incidents or ())


def history_of(world: World) -> IncidentHistory:
    """The world's prior incidents as a history.

    Raises:
        BadConfiguration: as `past_incidents`.
    """
    return RecordsLost() if world.prior_incidents is None else PriorIncidents(past_incidents(world))


@dataclass(frozen=True, slots=True)
class PriorIncidents:
    """An `IncidentHistory` over a few incidents in memory."""

    incidents: Sequence[PastIncident]

    async def past(self, query: HistoryQuery) -> tuple[PastIncident, ...]:
        """Those that match, newest first."""
        found = [incident for incident in self.incidents if _matches(incident, query)]
        found.sort(key=lambda incident: incident.opened_at, reverse=True)
        return tuple(found[: query.limit])

    async def kept_since(self) -> datetime | None:
        """When the oldest of them was opened."""
        return min((incident.opened_at for incident in self.incidents), default=None)


class RecordsLost:
    """An `IncidentHistory` that cannot be read."""

    async def past(self, query: HistoryQuery) -> tuple[PastIncident, ...]:
        """Raises `Unreachable`."""
        raise Unreachable("the store of incidents does not answer")

    async def kept_since(self) -> datetime | None:
        """Raises `Unreachable`."""
        raise Unreachable("the store of incidents does not answer")


def _matches(incident: PastIncident, query: HistoryQuery) -> bool:
    parts = {mark for entity in incident.entities for mark in (entity.uuid, entity.serial) if mark}
    nodes = {incident.node, *(entity.node for entity in incident.entities)}
    return (
        (incident.closed_at is None or incident.closed_at >= query.since)
        and incident.incident_id != query.excluding
        and query.node in ("", *nodes)
        and (not query.part or query.part in parts)
        and query.fault_class in ("", incident.fault_class)
    )


def _past(incident: PriorIncident) -> PastIncident:
    told = incident.told
    taken = zip(told.taken, incident.taken_at, strict=True)
    return PastIncident(
        incident_id=incident.id,
        node=told.node,
        opened_at=_moment(incident.opened_at),
        closed_at=None if incident.closed_at is None else _moment(incident.closed_at),
        kinds=tuple(told.kinds),
        fault_class=str(_known(FaultClass, told.fault_class)),
        severity=_known(Severity, told.severity),
        confidence=told.confidence,
        summary=told.summary,
        action=str(_known(Action, told.action)),
        entities=tuple(_entity(entity) for entity in told.entities),
        close_reason=told.close_reason if incident.closed_at is not None else "",
        actions_taken=tuple(f"{item.action} {_moment(at).isoformat()} {item.result}" for item, at in taken),
    )


def _entity(told: PriorEntity) -> Entity:
    kind = _known(EntityKind, told.kind)
    name = told.name or told.uuid or (f"gpu{told.index}" if told.index is not None else told.node or "")
    return Entity(kind, name, told.node, told.index, told.uuid, told.pci, told.serial)


def _known(closed: type[_Word], word: str) -> _Word:
    try:
        return closed(word)
    except ValueError as error:
        raise BadConfiguration(f"prior_incidents: {word!r} is no {closed.__name__}") from error


def _moment(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(round(epoch_s), UTC)
