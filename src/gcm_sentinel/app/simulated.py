"""The agent against a simulated fleet: its ordinary settings pointed at the fleet's servers, nothing special-cased.

Shared by `demo` and `eval`. A scenario whose trigger is a node condition goes through the real watcher; one that is
triggered by an alert is investigated as a person would ask for it. Where the agent acts and the world's SENTINEL
gateway tells of it by itself (`event`), it goes through the watcher of the gateway, which reads its log from the
beginning: what a person asks for by hand is never acted on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.closed import Closed, closed
from gcm_sentinel.app.investigate import Request, investigate
from gcm_sentinel.app.prior_incidents import history_of
from gcm_sentinel.app.settings import Settings, load
from gcm_sentinel.app.simulated_people import see_through
from gcm_sentinel.app.stores import IN_MEMORY, Stores, open_stores
from gcm_sentinel.app.wiring import Agent, Given, open_agent
from gcm_sentinel.app.workflow import Hooks, Work, Workflow
from gcm_sentinel.clients.durable.local import LocalQueue
from gcm_sentinel.domain.action_record import ActionRecord
from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS
from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.incident_record import DeliveryState
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.protocols import Model
from gcm_sentinel.domain.trigger import Followed, Incident
from gcm_sentinel.engine.investigation import Investigation, OnStep, silent
from gcm_sentinel.notify.publish import Delivery
from gcm_sentinel.watch.sentinel_news import SOURCE as SENTINEL
from sentinel_fleet.scenario import Scenario
from sentinel_fleet.serve import Fleet, serve
from sentinel_fleet.world import World

if TYPE_CHECKING:
    from sentinel_fleet.node_agents.serving import ServedNodeAgents
    from sentinel_fleet.sentinel.command import Launch
    from sentinel_fleet.sentinel.issued import Issued
    from sentinel_fleet.sentinel.serving import ServedSentinel

CASE_DEADLINE = timedelta(seconds=180)
"""Of everything but what a model over a network may take."""


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario under one seed."""

    scenario: Scenario
    seed: int
    variant: str | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    """Settings of the agent for this case alone, over the operator's: a source turned off, a lower budget."""

    @property
    def name(self) -> str:
        """``id`` or ``id/variant``."""
        return f"{self.scenario.id}/{self.variant}" if self.variant else self.scenario.id

    def world(self) -> World:
        """The fleet of this case, its T0 now."""
        return self.scenario.realise(self.seed, anchor=time.time(), variant=self.variant)


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one case."""

    case: Case
    world: World
    closed: Closed
    writes: tuple[Any, ...]
    """Every mutating request the fleet's API saw."""
    wall_s: float
    acted: tuple[ActionRecord, ...] = ()
    """What was ordered, in an acting mode."""
    issued: tuple[Issued, ...] = ()
    """The directives that the world's SENTINEL gateway has of it."""


def settings_for(
    fleet: Fleet, world: World, engine: str, mode: Mode | None = None, case: Mapping[str, Any] | None = None
) -> Settings:
    """The operator's own settings with the addresses of the simulated fleet, in `mode` where one is given.

    `case` are those of one case, over the operator's.

    Nothing simulated leaves the fleet: an operator's webhook is not called, and no ledger records a verdict but the
    simulated fleet's own.
    """
    return load({
        **(case or {}),
        "kubeconfig": fleet.kubeconfig,
        "kube_context": "",
        "prometheus_url": fleet.prometheus_url,
        "alertmanager_url": fleet.alertmanager_url,
        "loki_url": "",
        "webhook_url": "",
        "sentinel_endpoint": "",
        "node_agent_address": "",
        "watch_conditions": DEFAULT_WATCH_CONDITIONS,
        "node_allowlist": (world.trigger.node,),
        "settle_seconds": 0.05,
        "llm_api": engine,
        "action_mode": mode,
    }).model_copy(update=_sentinel(fleet.sentinel) | _node_agents(fleet.node_agents))  # fmt: skip


def _sentinel(served: ServedSentinel | None) -> dict[str, object]:
    """How to reach the fleet's gateway; an operator's own settings are replaced, also by none."""
    return {
        "sentinel_endpoint": served.endpoint if served else "",
        "sentinel_plaintext": True,
        "sentinel_ca_cert": None,
        "sentinel_client_cert": None,
        "sentinel_client_key": None,
        "sentinel_token": SecretStr(served.token if served else ""),
        "sentinel_ledger_public_key": served.ledger_keys if served else None,
    }


def _node_agents(served: ServedNodeAgents | None) -> dict[str, object]:
    """How to reach the agents on the fleet's nodes, and to ask what they let run; an operator's own are replaced."""
    return {
        "node_agent_address": f"{{node_ip}}:{served.port}" if served else "",
        "node_agent_ca_cert": None,
        "node_agent_client_cert": None,
        "node_agent_client_key": None,
        "node_agent_server_name": "",
        "node_agent_token": SecretStr(served.token if served else ""),
        "probes": served.probes if served else "light",
    }


async def play(
    case: Case,
    *,
    engine: str,
    mode: Mode | None = None,
    model: Model | None = None,
    on_step: OnStep = silent,
    launch: Launch | None = None,
) -> Played:
    """Serve the case's world, let the agent find and investigate the fault, and publish to the world.

    In `approve` somebody approves whatever is asked, in `execute` nobody does; without a `mode` the operator's own
    setting counts, and nothing is carried out. `launch` starts the world's SENTINEL gateway; None starts its command.
    """
    started = time.monotonic()
    world = case.world()
    async with serve(world, launch=launch) as fleet, asyncio.timeout(_deadline_s(case, engine)):
        settings = settings_for(fleet, world, engine, mode, dict(case.settings))
        async with open_stores(IN_MEMORY, SystemClock()) as stores:
            if mode is not None and world.trigger.event:
                await stores.triggers.store_followed(Followed(SENTINEL, (), 0))
            given = Given(model=model, stores=stores, history=history_of(world))
            async with open_agent(settings, given) as agent:
                closed, acted = await _run(agent, stores, world, on_step, acting=mode is not None)
        writes = tuple(fleet.requests)
        issued = await _issued(fleet.sentinel) if fleet.sentinel else ()
    return Played(case, world, closed, writes, time.monotonic() - started, acted, issued)


def _deadline_s(case: Case, engine: str) -> float:
    """Seconds a case may take; an engine that asks somebody else has its own budget of time besides."""
    asking_s = 0 if engine == "playbook" else load(dict(case.settings)).max_seconds
    return CASE_DEADLINE.total_seconds() + asking_s


async def _issued(served: ServedSentinel) -> tuple[Issued, ...]:
    from sentinel_fleet.sentinel.issued import issued_by_agent  # gRPC costs half a second, and few worlds need it

    return await issued_by_agent(served)


async def _run(
    agent: Agent, stores: Stores, world: World, on_step: OnStep, *, acting: bool
) -> tuple[Closed, tuple[ActionRecord, ...]]:
    trigger = world.trigger
    watched = trigger.condition or (trigger.event if acting else None)
    if watched:
        return await _through_watcher(agent, stores, watched, on_step, acting=acting)
    request = Request(trigger.node, trigger.alert or "", trigger.message or "")
    answer = await investigate(agent, request, publish=True, on_step=on_step)
    return answer, await stores.actions.of_incident(answer.publication.incident.id)


class _Wanted:
    """Waits for the incident with one condition to be investigated and offered to every sink."""

    def __init__(self, condition: str, sinks: int, stop: asyncio.Event) -> None:
        self._condition = condition
        self._sinks = sinks
        self._stop = stop
        self._done: dict[str, tuple[Incident, Investigation]] = {}
        self._deliveries: dict[str, list[Delivery]] = {}

    def investigated(self, incident: Incident, investigation: Investigation) -> None:
        self._done[incident.investigation_id] = (incident, investigation)
        self._look()

    def attempted(self, investigation_id: str, delivery: Delivery, state: DeliveryState) -> None:
        self._deliveries.setdefault(investigation_id, []).append(delivery)
        self._look()

    def _look(self) -> None:
        if self.found is not None:
            self._stop.set()

    @property
    def found(self) -> Closed | None:
        for key, (incident, investigation) in self._done.items():
            deliveries = self._deliveries.get(key, [])
            named = any(trigger.kind == self._condition for trigger in incident.triggers)
            if named and len(deliveries) >= self._sinks:
                return closed(incident, investigation, tuple(deliveries))
        return None


async def _through_watcher(
    agent: Agent, stores: Stores, condition: str, on_step: OnStep, *, acting: bool
) -> tuple[Closed, tuple[ActionRecord, ...]]:
    """Run the agent as `serve` does, its queues in memory, until the incident with `condition` was published, and what
    it led to has ended.

    What was ordered is read before the agent is stopped: a database in memory is gone once a statement was cancelled.
    """
    published, stop = asyncio.Event(), asyncio.Event()
    wanted = _Wanted(condition, len(agent.notifiers), published)
    hooks = Hooks(on_step=on_step, on_investigated=wanted.investigated, on_attempt=wanted.attempted)
    workflow = Workflow(agent, stores, hooks=hooks)
    async with AsyncExitStack() as stack:
        queues = [await stack.enter_async_context(_queue(w)) for w in (workflow.investigating, workflow.delivering)]
        acts = workflow.acting if acting else None
        to_act = await stack.enter_async_context(_queue(acts)) if acts else None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(workflow.run((queues[0], queues[1]), stop, to_act=to_act))
            await published.wait()
            if to_act is not None:
                await see_through(stores, agent.clock, approve=agent.settings.action_mode is Mode.APPROVE)
            found = wanted.found
            acted = await stores.actions.of_incident(found.publication.incident.id) if found else ()
            stop.set()
    if found is None:
        raise Bug(f"the agent ended before the incident with {condition!r} was published")
    return found, acted


def _queue(work: Work) -> AbstractAsyncContextManager[LocalQueue]:
    return LocalQueue.open(work.job, concurrency=work.concurrency)


@asynccontextmanager
async def open_fleet(scenario: Scenario, seed: int) -> AsyncIterator[Fleet]:
    """A fleet for a person: `gcm-sentinel fleet serve`."""
    async with serve(Case(scenario, seed).world()) as fleet:
        yield fleet
