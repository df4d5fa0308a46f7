"""The life of an incident: observe, admit, fold, investigate, publish.

One `Workflow` serves one agent. It gathers the triggers of a node for a moment (a fault rarely comes alone), opens one
incident for them, and investigates at most `max_concurrent` at a time. Nothing here decides what is wrong with a GPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.trigger import Incident, Trigger
from gcm_sentinel.engine.investigation import Investigation, OnStep, silent
from gcm_sentinel.notify.publish import Delivery, publish_all
from gcm_sentinel.triage.admission import CoolDown
from gcm_sentinel.triage.fold import fold

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Closed:
    """One incident that went the whole way."""

    investigation: Investigation
    deliveries: tuple[Delivery, ...]
    publication: Publication


OnClosed = Callable[[Closed], None]


class Workflow:
    """Runs incidents for one agent."""

    def __init__(self, agent: Agent, *, on_step: OnStep = silent, on_closed: OnClosed | None = None) -> None:
        self._agent = agent
        self._on_step = on_step
        self._on_closed = on_closed
        self._cooldown = CoolDown(timedelta(seconds=agent.settings.cooldown_seconds))
        self._slots = asyncio.Semaphore(agent.settings.max_concurrent)
        self._gathering: dict[str, list[Trigger]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Watch and investigate until `stop` is set; what is under way is finished before returning."""
        async with asyncio.TaskGroup() as incidents:
            watching = asyncio.create_task(self._watch(incidents))
            stopping = asyncio.create_task(stop.wait())
            done, _ = await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (watching, stopping):
                task.cancel()
            await asyncio.gather(watching, stopping, return_exceptions=True)
            if watching in done:
                watching.result()

    async def _watch(self, incidents: asyncio.TaskGroup) -> None:
        async for trigger in self._agent.watcher.triggers():
            ruling = self._cooldown.rule(trigger, self._agent.clock.now())
            fields = {"node": trigger.node, "kind": trigger.kind, "status": str(trigger.status)}
            if not ruling.admitted:
                log.info("trigger.not_admitted", reason=ruling.reason, **fields)
                continue
            log.info("trigger.admitted", reason=trigger.reason, **fields)
            waiting = self._gathering.setdefault(trigger.node, [])
            waiting.append(trigger)
            if len(waiting) == 1:
                incidents.create_task(self._open(trigger.node))

    async def _open(self, node: str) -> None:
        """Wait for the node's triggers to settle, then take them through as one incident."""
        await asyncio.sleep(self._agent.settings.settle_seconds)
        triggers = self._gathering.pop(node)
        for incident in fold(triggers, self._agent.clock.now()):
            self._cooldown = self._cooldown.stamped(incident, self._agent.clock.now())
            try:
                await self.handle(incident)
            except Exception:  # the task border: one incident's fault must not end the watch
                log.exception("incident.crashed", incident=incident.id, node=incident.node)
                self._cooldown = self._cooldown.released(incident)

    async def handle(self, incident: Incident) -> Closed:
        """Investigate one incident and publish its assessment."""
        async with self._slots:
            with structlog.contextvars.bound_contextvars(incident=incident.id, node=incident.node):
                log.info("incident.opened", triggers=len(incident.triggers), kind=incident.lead.kind)
                investigation = await self._agent.loop.investigate(incident, self._on_step)
                closed = await self._publish(incident, investigation)
        if investigation.assessment.outcome is Outcome.FAILED:
            self._cooldown = self._cooldown.released(incident)
        if self._on_closed is not None:
            self._on_closed(closed)
        return closed

    async def _publish(self, incident: Incident, investigation: Investigation) -> Closed:
        publication = Publication(incident, investigation.assessment, investigation.evidence)
        deliveries = await publish_all(self._agent.notifiers, publication)
        return Closed(investigation, deliveries, publication)
