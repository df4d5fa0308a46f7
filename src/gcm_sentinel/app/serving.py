"""Opens everything a serving agent is made of, in the order the parts depend on one another, and closes it in the
other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from gcm_sentinel import __version__
from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life.stage import Stage
from gcm_sentinel.app.metering import Metering
from gcm_sentinel.app.metrics import AgentMetrics
from gcm_sentinel.app.observation import Observer
from gcm_sentinel.app.settings import Settings
from gcm_sentinel.app.state import (
    DATABASE_FILE,
    DURABLE_FILE,
    LOCK_FILE,
    StatePlace,
    incidents_missing,
    make_folder,
    place_of,
)
from gcm_sentinel.app.stores import Stores, open_stores
from gcm_sentinel.app.tracing import open_tracer
from gcm_sentinel.app.wiring import Agent, Given, open_agent
from gcm_sentinel.app.workflow import Hooks, Workflow
from gcm_sentinel.clients.durable.config import DurableConfig, JobKind, StepHook
from gcm_sentinel.clients.durable.engine import DurableEngine
from gcm_sentinel.storage.lock import StateLock

log = structlog.get_logger(__name__)

WORKFLOW_VERSION = "1"
"""Version of the recorded steps. Bump it when an investigation recorded by the former version could not be replayed by
this one: a step renamed, added, or started in another order."""
INVESTIGATION, DELIVERY, ACTING = "investigation", "delivery", "acting"


@dataclass(frozen=True, slots=True)
class Serving:
    """A serving agent, opened."""

    agent: Agent
    stores: Stores
    workflow: Workflow
    engine: DurableEngine
    place: StatePlace
    metrics: AgentMetrics
    heartbeat: Stage
    """How the heartbeat goes: a small write every few seconds, by which a full disk shows though nothing happens."""


@asynccontextmanager
async def open_serving(settings: Settings, on_recorded: StepHook | None = None) -> AsyncIterator[Serving]:
    """Everything `serve` runs.

    Raises:
        BadConfiguration: a setting that cannot be used, a state folder another process holds, a database of a newer
            version.
        Unreachable: the database is away.
    """
    place, clock = place_of(settings), SystemClock()
    async with AsyncExitStack() as stack:
        if place.folder is not None:
            stack.enter_context(_state_folder(place.folder))
        stores = await stack.enter_async_context(open_stores(place.database_url, clock))
        agent = await stack.enter_async_context(open_agent(settings, Given(clock=clock, stores=stores, observed=True)))
        tracer = await stack.enter_async_context(open_tracer(settings.otlp_endpoint, instance=place.executor))
        metrics = AgentMetrics(version=__version__, engine=agent.model.name, mode=str(settings.action_mode))
        metrics.investigations.expect(dict.fromkeys((agent.model.name, agent.playbook.name)))
        metrics.deliveries.expect(notifier.name for notifier in agent.notifiers)
        stores.database.report_to(metrics.storage)
        metering = Metering(metrics, clock)
        hooks = Hooks(
            on_stored=metering.stored,
            on_changes=metering.decided,
            on_attempt=metering.attempted,
            observer=Observer(tracer, metrics, clock),
        )
        workflow = Workflow(agent, stores, executor=place.executor, hooks=hooks)
        if place.shared:  # before the first job is taken: what was never heard of is never missed
            await stores.executors.beat(place.executor, str(settings.action_mode))
        engine = await stack.enter_async_context(_engine(place, workflow, on_recorded))
        yield Serving(agent, stores, workflow, engine, place, metrics, Stage("heartbeat", clock))


@contextmanager
def _state_folder(folder: Path) -> Iterator[None]:
    """Made where it is missing, and held; says where the incidents that belong to what is in it are gone."""
    missing = incidents_missing(folder)
    make_folder(folder)
    with StateLock(folder / LOCK_FILE):
        if missing:
            log.warning(
                "state.incidents_missing",
                file=str(folder / DATABASE_FILE),
                found=str(folder / DURABLE_FILE),
                lost="history and open incidents: what is still wrong is investigated and told anew",
                hint=f"to have them back, stop and put {DATABASE_FILE} back from a backup",
            )
        yield


@asynccontextmanager
async def _engine(place: StatePlace, workflow: Workflow, hook: StepHook | None) -> AsyncIterator[DurableEngine]:
    jobs = {
        INVESTIGATION: JobKind(workflow.investigating.job, workflow.investigating.concurrency),
        DELIVERY: JobKind(workflow.delivering.job, workflow.delivering.concurrency),
    }
    if workflow.acting is not None:
        jobs[ACTING] = JobKind(workflow.acting.job, workflow.acting.concurrency)
    config = DurableConfig(url=place.durable_url, executor_id=place.executor, version=WORKFLOW_VERSION)
    async with DurableEngine.open(config, jobs, on_step=hook) as engine:
        yield engine
