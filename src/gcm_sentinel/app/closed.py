"""An incident that went the whole way, for a terminal, a report or a score."""

from __future__ import annotations

from dataclasses import dataclass

from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.trigger import Incident
from gcm_sentinel.engine.investigation import Investigation, OnStep, silent
from gcm_sentinel.notify.publish import Delivery, publish_all


@dataclass(frozen=True, slots=True)
class Closed:
    """What came of one incident."""

    investigation: Investigation
    deliveries: tuple[Delivery, ...]
    publication: Publication


def closed(incident: Incident, investigation: Investigation, deliveries: tuple[Delivery, ...]) -> Closed:
    """The parts put together."""
    publication = Publication(incident, investigation.assessment, investigation.evidence)
    return Closed(investigation, deliveries, publication)


async def handle(agent: Agent, incident: Incident, on_step: OnStep = silent) -> Closed:
    """Investigate one incident here and now, and publish its assessment once; nothing is stored."""
    investigation = await agent.loop.investigate(incident, on_step)
    publication = Publication(incident, investigation.assessment, investigation.evidence)
    return closed(incident, investigation, await publish_all(agent.notifiers, publication))
