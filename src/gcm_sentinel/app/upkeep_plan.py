"""Which upkeep a serving agent does: heartbeats and take-over among replicas, repair of lost work, retention."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from gcm_sentinel.app.life.acting_repair import ActingRepair
from gcm_sentinel.app.life.closing import EVERY_S as CLOSING_S
from gcm_sentinel.app.life.closing import Closing
from gcm_sentinel.app.life.fleet_groups import EVERY_S as GROUPS_S
from gcm_sentinel.app.life.fleet_groups import FleetGroups
from gcm_sentinel.app.life.hearing import Hearing
from gcm_sentinel.app.life.repair import EVERY_S as REPAIR_S
from gcm_sentinel.app.life.repair import Repair
from gcm_sentinel.app.life.standing_down import EVERY_S as STAND_DOWN_S
from gcm_sentinel.app.life.standing_down import StandingDown
from gcm_sentinel.app.life.upkeep import BEAT_S, DEAD_AFTER, PRUNE_S, Periodic
from gcm_sentinel.app.life.withdrawal import EVERY_S as WITHDRAW_S
from gcm_sentinel.app.life.withdrawal import Withdrawal
from gcm_sentinel.app.metering import Metering
from gcm_sentinel.app.metrics.sampler import SAMPLE_EVERY, Sampled, Sampler
from gcm_sentinel.app.metrics.storage import StorageMetrics
from gcm_sentinel.app.people import LISTEN_AGAIN_S, open_buttons
from gcm_sentinel.app.serving import ACTING, DELIVERY, INVESTIGATION, Serving
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.app.workflow import pools_of
from gcm_sentinel.clients.durable.engine import DurableEngine
from gcm_sentinel.notify.annotations import AnnotationNotifier
from gcm_sentinel.notify.pagerduty import PagerDutyNotifier
from gcm_sentinel.notify.slack import SlackNotifier
from gcm_sentinel.storage.executors import Executors
from gcm_sentinel.storage.retention import prune

log = structlog.get_logger(__name__)

_MIB = 1 << 20
_KEEP_FINISHED_JOBS = timedelta(days=2)
"""How long the queue remembers a finished job; its key cannot come again after the investigation is done."""


class Adopter(Protocol):
    """Where the work of dead replicas is taken over, as `DurableEngine` does."""

    async def adopt(self, executor_ids: Collection[str]) -> int:
        """Queue their unfinished jobs again; how many."""
        ...


class Replica:
    """This process among the replicas that share a database."""

    def __init__(self, executors: Executors, engine: Adopter, executor: str, hearing: Hearing, mode: str = "") -> None:
        self._executors = executors
        self._engine = engine
        self._executor = executor
        self._hearing = hearing
        self._mode = mode

    async def beat(self) -> None:
        """Say that this process lives, and take over the work of those that do not."""
        executors = self._executors
        await executors.beat(self._executor, self._mode)
        self._hearing.beaten()
        if not self._hearing.may_judge:
            return
        for dead in await executors.dead(DEAD_AFTER):
            if dead == self._executor:
                continue
            adopted = await self._engine.adopt((dead,))
            await executors.forget(dead)
            log.warning("replica.lost", replica=dead, adopted_jobs=adopted)


class Housekeeping:
    """What is removed, and when."""

    def __init__(self, agent: Agent, stores: Stores, engine: DurableEngine, metrics: StorageMetrics) -> None:
        self._agent = agent
        self._stores = stores
        self._engine = engine
        self._metrics = metrics

    async def prune(self) -> None:
        """Remove what is older or larger than the settings keep."""
        settings, now = self._agent.settings, self._agent.clock.now()
        keep = timedelta(days=settings.retention_days)
        gone = await prune(self._stores.database, now, keep=keep, max_evidence_bytes=settings.max_evidence_mib * _MIB)
        self._metrics.pruned({"incidents": gone.incidents, "bodies": gone.blobs})
        jobs = await self._engine.forget(now - _KEEP_FINISHED_JOBS)
        log.info("retention.pruned", incidents=gone.incidents, jobs=jobs)


def _sampler(serving: Serving) -> Sampler:
    stores, agent = serving.stores, serving.agent
    sampled = Sampled(
        stores.database,
        stores.spending,
        pools_of(agent.settings),
        serving.engine,
        (INVESTIGATION, DELIVERY, *((ACTING,) if serving.workflow.acting else ())),
        {"kubernetes": agent.watcher} | ({"sentinel": agent.sentinel_watcher} if agent.sentinel_watcher else {}),
    )
    return Sampler(serving.metrics, sampled, agent.clock)


def _repair(serving: Serving) -> Repair:
    engine = serving.engine
    return Repair(
        serving.stores,
        (engine.queue(INVESTIGATION), partial(engine.status, INVESTIGATION)),
        (engine.queue(DELIVERY), partial(engine.status, DELIVERY)),
        serving.agent.clock,
        on_attempt=Metering(serving.metrics, serving.agent.clock).attempted,
    )


def _acting_repair(serving: Serving) -> ActingRepair:
    engine = serving.engine
    return ActingRepair(serving.stores, engine.queue(ACTING), partial(engine.status, ACTING), serving.agent.clock)


def _standing_down(serving: Serving, hearing: Hearing) -> StandingDown:
    agent, cancel, executor = serving.agent, partial(serving.engine.cancel, ACTING), serving.place.executor
    among = hearing if serving.place.shared else None
    return StandingDown(
        serving.stores, agent.settings.action_mode, cancel, agent.clock, executor=executor, hearing=among
    )


def heartbeat_of(serving: Serving, hearing: Hearing | None = None) -> tuple[Periodic, ...]:
    """What keeps the work of this replica its own, and shows whether the database can be written (endpoints.py).

    The latter also where there is one process, which has nobody to take work from.
    """
    clock, executors, executor = serving.agent.clock, serving.stores.executors, serving.place.executor
    mode = str(serving.agent.settings.action_mode)
    if serving.place.shared:
        beat = Replica(executors, serving.engine, executor, hearing or Hearing(clock), mode).beat
    else:
        beat = partial(executors.beat, executor, mode)
    return (Periodic(serving.heartbeat.name, beat, BEAT_S, clock, serving.heartbeat),)


def _with_people(serving: Serving) -> list[Periodic]:
    """What is told in threads when an incident is over, and what people answer there."""
    agent, stores = serving.agent, serving.stores
    clock, jobs = agent.clock, list[Periodic]()
    if closers := [sink for sink in agent.notifiers if isinstance(sink, SlackNotifier | PagerDutyNotifier)]:
        jobs.append(Periodic("closing", Closing(stores.threads, closers).close, CLOSING_S, clock))
    if buttons := open_buttons(agent.settings, stores, clock):
        jobs.append(Periodic("slack_buttons", buttons.listen, LISTEN_AGAIN_S, clock))
    return jobs


def upkeep_of(serving: Serving) -> tuple[Periodic, ...]:
    """Everything periodic of a serving agent."""
    agent, stores, engine = serving.agent, serving.stores, serving.engine
    clock, hearing = agent.clock, Hearing(agent.clock)
    jobs = [
        Periodic("retention", Housekeeping(agent, stores, engine, serving.metrics.storage).prune, PRUNE_S, clock),
        Periodic("census", _sampler(serving).sample, SAMPLE_EVERY.total_seconds(), clock),
    ]
    jobs.append(Periodic("repair", _repair(serving).mend, REPAIR_S, clock))
    if serving.workflow.acting is not None:
        jobs.append(Periodic("acting_repair", _acting_repair(serving).mend, REPAIR_S, clock))
    else:
        jobs.append(Periodic("standing_down", _standing_down(serving, hearing).stand_down, STAND_DOWN_S, clock))
    jobs.extend(heartbeat_of(serving, hearing))
    if sinks := [sink for sink in agent.notifiers if isinstance(sink, AnnotationNotifier)]:
        jobs.append(Periodic("withdrawal", Withdrawal(stores.incidents, sinks, clock).withdraw, WITHDRAW_S, clock))
    jobs.extend(_with_people(serving))
    if agent.prometheus is not None and agent.settings.topology_queries:
        groups = FleetGroups(agent.prometheus, agent.settings.topology_queries, agent.fleet)
        jobs.append(Periodic("topology", groups.refresh, GROUPS_S, clock))
    return tuple(jobs)
