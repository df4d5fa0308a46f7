"""The life of an incident, stage by stage: take in, triage, hand over, investigate, deliver, close.

    watcher -> intake (stored, only then acknowledged) -> triage (folded, admitted, ruled on) -> dispatch
            -> investigation job (recorded steps) -> assessment and what is owed, in one transaction
            -> dispatch -> delivery jobs;  recoveries go the same way in and close the incident

Every stage reads what it must do from storage and writes what it did, so that a process that dies anywhere leaves
nothing undone: the next one, or another replica, reads the same rows. The stages are in app/life/. Nothing here
decides what is wrong with a GPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from gcm_sentinel.app.life.acting import ActingDispatch
from gcm_sentinel.app.life.action_job import ActionJob
from gcm_sentinel.app.life.budget import EngineChoice
from gcm_sentinel.app.life.delivery_job import DeliveryJob, OnAttempt, off_in
from gcm_sentinel.app.life.delivery_job import unheard as untold
from gcm_sentinel.app.life.dispatch import PER_SINK, Dispatch
from gcm_sentinel.app.life.intake import Intake, OnStored, Sink
from gcm_sentinel.app.life.investigation_job import (
    RETRY_FAILED,
    Audience,
    Engines,
    InvestigationJob,
    OnInvestigated,
)
from gcm_sentinel.app.life.listing import until_listed
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.life.stage import Stage
from gcm_sentinel.app.life.triage import OnChanges, TriageLoop, unheard
from gcm_sentinel.app.life.upkeep import Periodic
from gcm_sentinel.app.observation import Observer
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.stores import Stores
from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.domain.errors import Bug, SentinelError
from gcm_sentinel.domain.steps import Job, JobQueue
from gcm_sentinel.engine.investigation import OnStep, silent
from gcm_sentinel.triage.budget import Pools
from gcm_sentinel.triage.policy import Policy

log = structlog.get_logger(__name__)

LLM_POLL_S = 30.0
MOST_ACTIONS_AT_ONCE = 8
"""Of one process; how many may begin within an hour is the policy's business."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who hears of what happens: a terminal, an evaluation, the metrics."""

    on_step: OnStep = silent
    on_changes: OnChanges = unheard
    on_investigated: OnInvestigated = lambda _incident, _investigation: None
    on_attempt: OnAttempt = untold
    on_stored: OnStored = lambda _told, _new: None
    observer: Observer | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of job and how many of it run at a time."""

    job: Job
    concurrency: int


class Workflow:
    """Runs the stages of one agent."""

    def __init__(self, agent: Agent, stores: Stores, *, executor: str = "sole", hooks: Hooks | None = None) -> None:
        """`executor` names this process in the records."""
        self._agent = agent
        self._stores = stores
        self._hooks = hooks or Hooks()
        self._pulse = Pulse()
        self._llm_available = False
        settings = agent.settings
        self._choice = EngineChoice(stores.spending, pools_of(settings), agent.clock, paid=agent.paid)
        self.investigating = Work(self._investigation_job(executor), settings.max_concurrent)
        sinks = len(agent.notifiers) + 1  # those that are not configured any more share one place
        self.delivering = Work(self._delivery_job(), sinks * PER_SINK)
        self.acting = self._action_job(executor)
        self.triage = TriageLoop(
            stores.triage, agent.fleet, self._policy, agent.clock, self._pulse, self._hooks.on_changes
        )
        self.intake = Stage("intake", agent.clock)
        self.sentinel_intake = Stage("sentinel_intake", agent.clock)

    def _investigation_job(self, executor: str) -> InvestigationJob:
        agent, hooks = self._agent, self._hooks
        audience = Audience(
            tuple(notifier.name for notifier in agent.notifiers),
            hooks.on_step,
            hooks.on_investigated,
            agent.settings.action_mode,
            hooks.observer,
        )
        engines = Engines(agent.loop, agent.model, agent.playbook, self._choice)
        return InvestigationJob(self._stores, engines, audience, self._pulse, executor=executor)

    def _action_job(self, executor: str) -> Work | None:
        acting = self._agent.acting
        if acting is None:
            return None
        job = ActionJob(self._stores, acting.acting, self._agent.clock, self._pulse, executor=executor)
        return Work(job, MOST_ACTIONS_AT_ONCE)

    def _delivery_job(self) -> DeliveryJob:
        stores, agent = self._stores, self._agent
        return DeliveryJob(
            stores.investigations,
            stores.deliveries,
            (*agent.notifiers, *off_in(agent.settings.action_mode)),
            agent.clock,
            self._pulse,
            on_attempt=self._hooks.on_attempt,
        )

    def _policy(self) -> Policy:
        return policy_of(self._agent.settings, llm_available=self._llm_available)

    async def run(
        self,
        queues: tuple[JobQueue, JobQueue],
        stop: asyncio.Event,
        upkeep: Sequence[Periodic] = (),
        *,
        to_act: JobQueue | None = None,
    ) -> None:
        """Take in, triage and hand over until `stop` is set; `queues` run `investigating` and `delivering`.

        `to_act` runs `acting`; without it orders that were proposed wait.

        Raises:
            SentinelError: a stage met what trying again cannot mend.
            Bug: the watch ended by itself.
        """
        agent, stores = self._agent, self._stores
        dispatch = Dispatch(stores.investigations, stores.deliveries, queues, agent.clock, self._pulse)
        look = Periodic("budget", self._look_at_the_budget, LLM_POLL_S, agent.clock)
        intakes = [self._take_in(), *([self._follow()] if agent.sentinel_watcher else [])]
        loops = [*intakes, self._decide(), dispatch.run(), look.run(), *(item.run() for item in upkeep)]
        if to_act is not None:
            loops.append(ActingDispatch(stores, to_act, agent.clock, self._pulse).run())
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(loop) for loop in loops]
                await stop.wait()
                for task in running:
                    task.cancel()
        except* SentinelError as failed:
            raise leading(failed) from failed

    async def _decide(self) -> None:
        await until_listed(lambda: self._agent.watcher.synced)
        await self.triage.run()

    async def _take_in(self) -> None:
        await self._run(Intake(self._agent.watcher, self._sink().store, self.intake), "node conditions")

    async def _follow(self) -> None:
        if self._agent.sentinel_watcher is not None:
            intake = Intake(self._agent.sentinel_watcher, self._sink().store_followed, self.sentinel_intake)
            await self._run(intake, "the SENTINEL gateway")

    def _sink(self) -> Sink:
        return Sink(self._stores.triggers, self._agent.redactor, self._pulse, self._hooks.on_stored)

    async def _run(self, intake: Intake[Any], watched: str) -> None:
        try:
            await intake.run()
        except SentinelError:
            raise
        except Exception as error:  # the task border: whatever a watcher meets, the others end in order
            log.exception("watch.crashed", watched=watched)
            raise Bug(f"the watch of {watched} broke: {type(error).__name__}: {error}") from error
        raise Bug(f"the watch of {watched} ended by itself")

    async def _look_at_the_budget(self) -> None:
        self._llm_available = self._agent.settings.revisit and await self._choice.llm_available()


def policy_of(settings: Settings, *, llm_available: bool) -> Policy:
    """What triage decides by."""
    return Policy(
        settle=timedelta(seconds=settings.settle_seconds),
        burst=timedelta(seconds=settings.burst_seconds),
        recovery=timedelta(seconds=settings.recovery_seconds),
        cooldown=timedelta(seconds=settings.cooldown_seconds),
        min_nodes=settings.fold_min_nodes,
        min_share=settings.fold_min_share,
        allowlist=settings.node_allowlist,
        retry_failed=RETRY_FAILED,
        llm_available=llm_available,
    )


def pools_of(settings: Settings) -> Pools:
    """The budgets of all investigations together."""
    return Pools(
        usd_per_hour=settings.budget_usd_per_hour,
        usd_per_day=settings.budget_usd_per_day,
        tokens_per_hour=settings.budget_tokens_per_hour,
        tokens_per_day=settings.budget_tokens_per_day,
        critical_reserve=settings.budget_critical_reserve,
    )


def leading(failed: BaseExceptionGroup[SentinelError]) -> SentinelError:
    """The first error of a group; the others are in the log of their stages."""
    first = failed.exceptions[0]
    return leading(first) if isinstance(first, BaseExceptionGroup) else first
