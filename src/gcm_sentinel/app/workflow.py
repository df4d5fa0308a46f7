"""The life of an incident: observe, admit, fold, investigate, publish.

One `Workflow` serves one agent. It gathers the triggers of a node for a moment (a fault rarely comes alone), opens one
incident for them, and investigates at most `max_concurrent` at a time. Nothing here decides what is wrong with a GPU.

The watcher tells a change once, so a trigger that comes within the cool-down, and one whose investigation failed, is
held and looked at again: if its condition is still bad then, it goes the whole way. Told to stop, the workflow finishes
the investigations that run and leaves those that wait; their conditions are found again at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gcm_sentinel.app.node_conditions import bad_conditions
from gcm_sentinel.app.redelivery import Redelivery
from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.domain.assessment import Outcome
from gcm_sentinel.domain.errors import Bug, NotFound, SentinelError
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.trigger import Incident, Trigger
from gcm_sentinel.engine.investigation import Investigation, OnStep, silent
from gcm_sentinel.notify.publish import Delivery, publish_all
from gcm_sentinel.triage.admission import CoolDown, Key, key_of
from gcm_sentinel.triage.fold import fold

log = structlog.get_logger(__name__)

RETRY_FAILED = timedelta(minutes=10)
"""Soonest another try after a failed investigation; the cool-down where that is longer, so that money is not burnt."""


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
        self._held: dict[Key, asyncio.Task[None]] = {}
        self._redelivery = Redelivery(agent.notifiers)
        self._draining = False

    async def run(self, stop: asyncio.Event) -> None:
        """Watch and investigate until `stop` is set; what is under way is finished before returning.

        Raises:
            Bug: the watch broke or ended by itself (which sets `stop`); what was under way was finished all the same.
        """
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch(tasks, stop))
            await stop.wait()
            self._draining = True
            self._redelivery.give_up()
            for held in self._held.values():
                held.cancel()
            if not watching.done():
                watching.cancel()
        fault = None if watching.cancelled() else watching.result()
        if fault is not None:
            raise Bug(f"the watch of node conditions ended by itself: {type(fault).__name__}: {fault}") from fault

    async def _watch(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> Exception:
        """Take triggers until cancelled; whatever ends the watch otherwise is returned, never raised into `tasks`."""
        try:
            async for trigger in self._agent.watcher.triggers():
                self._take(trigger, tasks)
        except Exception as error:  # the task border: a broken watch must not cancel the investigations under way
            log.exception("watch.crashed")
            fault = error
        else:
            fault = EOFError("no more triggers")
        stop.set()
        return fault

    def _take(self, trigger: Trigger, tasks: asyncio.TaskGroup) -> None:
        """Admit, hold or drop one trigger. Nothing here waits, so no second incident slips in between."""
        self._let_go(trigger)
        ruling = self._cooldown.rule(trigger, self._agent.clock.now())
        fields = {"node": trigger.node, "kind": trigger.kind, "status": str(trigger.status)}
        if not ruling.admitted:
            log.info("trigger.not_admitted", reason=ruling.reason, **fields)
            if ruling.wait is not None:
                self._hold(trigger, ruling.wait, tasks)
            return
        log.info("trigger.admitted", reason=trigger.reason, **fields)
        waiting = self._gathering.setdefault(trigger.node, [])
        waiting.append(trigger)
        if len(waiting) == 1:
            tasks.create_task(self._open(trigger.node, tasks))

    def _hold(self, trigger: Trigger, wait: timedelta, tasks: asyncio.TaskGroup) -> None:
        if self._draining:
            return
        self._let_go(trigger)
        self._held[key_of(trigger)] = tasks.create_task(self._look_again(trigger, wait, tasks))

    def _let_go(self, trigger: Trigger) -> None:
        """Forget what is held of the same node and kind: newer news of it came."""
        held = self._held.pop(key_of(trigger), None)
        if held is not None:
            held.cancel()

    async def _look_again(self, trigger: Trigger, wait: timedelta, tasks: asyncio.TaskGroup) -> None:
        await asyncio.sleep(wait.total_seconds())
        still = await self._still_bad(trigger)
        self._held.pop(key_of(trigger), None)
        if still is None:
            log.info("trigger.dropped", reason="no longer bad", node=trigger.node, kind=trigger.kind)
        else:
            self._take(still, tasks)

    async def _still_bad(self, trigger: Trigger) -> Trigger | None:
        """What is bad now of what was bad then; the old trigger where that cannot be read."""
        agent = self._agent
        try:
            bad = await bad_conditions(
                agent.kubernetes, trigger.node, agent.settings.watch_conditions, agent.clock.now()
            )
        except NotFound:
            return None
        except SentinelError as error:
            log.warning("trigger.not_looked_at_again", node=trigger.node, reason=str(error))
            return trigger
        return next((found for found in bad if found.kind == trigger.kind), None)

    async def _open(self, node: str, tasks: asyncio.TaskGroup) -> None:
        """Wait for the node's triggers to settle, then take them through as one incident."""
        await asyncio.sleep(self._agent.settings.settle_seconds)
        now = self._agent.clock.now()
        for incident in fold(map(self._agent.redactor.trigger, self._gathering.pop(node)), now):
            self._cooldown = self._cooldown.stamped(incident, now)
            try:
                closed = await self._in_turn(incident)
            except Exception:  # the task border: one incident's fault must not end the watch
                log.exception("incident.crashed", incident=incident.id, node=incident.node)
                closed = None
            if closed is not None and not self._draining:
                self._redelivery.owe(closed.publication, closed.deliveries, tasks)
            if closed is None or closed.investigation.assessment.outcome is Outcome.FAILED:
                self._try_later(incident, tasks)

    async def _in_turn(self, incident: Incident) -> Closed | None:
        """Handle `incident` when there is a slot for it; None when the agent was told to stop first."""
        async with self._slots:
            if self._draining:
                log.warning("incident.left", incident=incident.id, node=incident.node, hint="found again at next start")
                return None
            investigation = await self._investigate(incident)
        return await self._close(incident, investigation)

    def _try_later(self, incident: Incident, tasks: asyncio.TaskGroup) -> None:
        """A failure silences nobody: news is admitted at once, and what stays bad is looked at again."""
        self._cooldown = self._cooldown.released(incident)
        for trigger in incident.triggers:
            if key_of(trigger) not in self._held:
                self._hold(trigger, max(RETRY_FAILED, self._cooldown.length), tasks)

    async def handle(self, incident: Incident) -> Closed:
        """Investigate one incident now and publish its assessment."""
        return await self._close(incident, await self._investigate(incident))

    async def _investigate(self, incident: Incident) -> Investigation:
        with structlog.contextvars.bound_contextvars(incident=incident.id, node=incident.node):
            log.info("incident.opened", triggers=len(incident.triggers), kind=incident.lead.kind)
            try:
                return await self._agent.loop.investigate(incident, self._on_step)
            finally:
                self._agent.store.forget(incident.id)

    async def _close(self, incident: Incident, investigation: Investigation) -> Closed:
        publication = Publication(incident, investigation.assessment, investigation.evidence)
        deliveries = await publish_all(self._agent.notifiers, publication)
        closed = Closed(investigation, deliveries, publication)
        if self._on_closed is not None:
            self._on_closed(closed)
        return closed
