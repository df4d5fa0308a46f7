"""Triggers become published assessments whatever breaks on the way: nothing is lost, repeated or left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gcm_sentinel.app import workflow as workflow_module
from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life import delivery_job, dispatch, listing, triage
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.app.workflow import Workflow
from gcm_sentinel.clients.durable.local import LocalQueue
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.errors import Bug, Forbidden, Unreachable
from gcm_sentinel.domain.incident_record import DeliveryState, TriggerState
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, ModelTurn, Usage
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.engine.loop import Loop
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.llm.scripted import calling
from gcm_sentinel.storage.incidents import IncidentFilter
from gcm_sentinel.triage.topology import FleetTopology

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SHORT_S = 0.02
VERDICT = calling(
    (SUBMIT_TOOL, {"severity": "warning", "fault_class": "inconclusive", "summary": "s", "root_cause": "r",
                   "confidence": 0.0})
)  # fmt: skip


def problem(node="gpu-1", kind="GpuXid", message="Xid 79", at=NOW):
    return Trigger("kubernetes", node, kind, TriggerStatus.PROBLEM, "R", message, at, at)


def recovery(at, node="gpu-1", kind="GpuXid"):
    return replace(problem(node, kind, "", at), status=TriggerStatus.RECOVERED)


class Cluster:
    """A watcher that tells what it is fed, and a sink that keeps what it is told."""

    name = "sink"

    def __init__(self):
        self.listed = lambda: True
        self.feed: asyncio.Queue[Trigger | Exception] = asyncio.Queue()
        self.published: asyncio.Queue[Publication] = asyncio.Queue()
        self.offered = asyncio.Semaphore(0)
        self.away: Exception | None = None

    @property
    def synced(self):
        return self.listed()

    async def batches(self):
        while True:
            item = await self.feed.get()
            if isinstance(item, Exception):
                raise item
            yield (item,)
            self.feed.task_done()

    async def publish(self, publication):
        self.offered.release()
        if self.away is not None:
            raise self.away
        await self.published.put(publication)

    async def next(self):
        return await asyncio.wait_for(self.published.get(), 10)


class Gated:
    """A model that answers each turn when it is let."""

    def __init__(self, name="gated"):
        self.name = name
        self.asked: asyncio.Queue[Incident] = asyncio.Queue()
        self.answers: asyncio.Queue[ModelTurn | Exception] = asyncio.Queue()

    async def turn(self, transcript, tools):
        await self.asked.put(transcript.incident)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return replace(answer, engine=self.name)

    async def started(self):
        return await asyncio.wait_for(self.asked.get(), 10)


class MovableClock(SystemClock):
    """A clock that stands still until `ahead` is moved."""

    ahead = timedelta()

    def now(self):
        return NOW + self.ahead


class World:
    """What outlives an agent: the cluster, the engines, the clock and the database."""

    def __init__(self, url):
        self.url = url
        self.cluster, self.model, self.playbook = Cluster(), Gated(), Gated("playbook")
        self.clock, self.fleet = MovableClock(), FleetTopology()

    @asynccontextmanager
    async def serving(self, **settings) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Event]]:
        """An agent at work; gives its task and the event that stops it."""
        chosen = load({"settle_seconds": 0, "recovery_seconds": 0, **settings})
        async with AsyncExitStack() as stack:
            stores = await stack.enter_async_context(open_stores(self.url, self.clock))
            redactor = Redactor()
            toolbox = Toolbox((), stores.evidence, self.clock, redactor=redactor)
            loop = Loop(self.model, toolbox, self.clock, system="s", limits=Limits(), price=lambda _turn: 1.0)
            parts: dict[str, Any] = {"kubernetes": self.cluster, "watcher": self.cluster}
            agent = Agent(
                settings=chosen, clock=self.clock, sources=(), broken_sources=(), model=self.model,
                playbook=self.playbook, loop=loop, redactor=redactor, fleet=self.fleet, notifiers=(self.cluster,),
                **parts,
            )  # fmt: skip
            workflow, stop = Workflow(agent, stores), asyncio.Event()
            queues = [
                await stack.enter_async_context(LocalQueue.open(work.job, concurrency=work.concurrency))
                for work in (workflow.investigating, workflow.delivering)
            ]
            task = asyncio.create_task(workflow.run((queues[0], queues[1]), stop))
            try:
                yield task, stop
            finally:
                stop.set()
                await asyncio.wait([task], timeout=10)

    async def rows(self):
        """Every incident, the newest first."""
        async with open_stores(self.url, self.clock) as stores:
            rows = await stores.incidents.list(IncidentFilter(open_only=False))
            return [await stores.incidents.get(row.record.id) for row in rows]

    async def held(self):
        """Wait until a trigger is held back."""
        async with open_stores(self.url, self.clock) as stores, asyncio.timeout(10):
            while not any(  # noqa: ASYNC110 - a database tells nobody
                item.state is TriggerState.HELD for item in await stores.triggers.left_out()
            ):
                await asyncio.sleep(SHORT_S)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    for module, name in ((triage, "POLL_S"), (dispatch, "POLL_S"), (workflow_module, "LLM_POLL_S")):
        monkeypatch.setattr(module, name, SHORT_S)


@pytest.fixture
async def world(tmp_path):
    return World(f"sqlite:///{tmp_path}/incidents.db")


async def test_a_broken_watch_is_a_bug_and_what_it_told_is_investigated_at_the_next_start(world):
    async with world.serving() as (running, _):
        await world.cluster.feed.put(problem())
        await world.cluster.feed.put(KeyError("metadata"))
        with pytest.raises(Bug, match="the watch of node conditions broke: KeyError"):
            await asyncio.wait_for(running, 10)
    await world.model.answers.put(VERDICT)

    async with world.serving():
        assert (await world.cluster.next()).incident.node == "gpu-1"


async def test_what_waits_when_it_is_told_to_stop_is_investigated_at_the_next_start(world):
    async with world.serving(max_concurrent=1) as (_, stop):
        await world.cluster.feed.put(problem("gpu-1"))
        await world.cluster.feed.put(problem("gpu-2"))
        await world.model.started()
        stop.set()
    for _ in range(2):
        await world.model.answers.put(VERDICT)

    async with world.serving():
        done = {(await world.cluster.next()).incident.node for _ in range(1)}

    assert done <= {"gpu-1", "gpu-2"}
    assert len(await world.rows()) == 2


async def test_the_same_observation_told_again_is_one_incident(world):
    await world.model.answers.put(VERDICT)
    async with world.serving():
        await world.cluster.feed.put(problem())
        await world.cluster.next()
        await world.cluster.feed.put(problem())
        await world.cluster.feed.join()

    assert len(await world.rows()) == 1
    assert world.model.asked.qsize() == 1


async def test_what_comes_back_within_the_cool_down_and_stays_bad_is_investigated_after_it(world):
    clock, cluster, model = world.clock, world.cluster, world.model
    await model.answers.put(VERDICT)
    async with world.serving():
        await cluster.feed.put(problem())
        await cluster.next()
        clock.ahead = timedelta(minutes=10)
        await cluster.feed.put(recovery(NOW + timedelta(minutes=10)))
        await cluster.feed.join()
        await until(world, lambda views: [view.record.state for view in views] == ["closed"])
        await cluster.feed.put(problem(at=NOW + timedelta(minutes=11)))
        await cluster.feed.join()
        await world.held()
        clock.ahead = timedelta(minutes=61)
        await model.answers.put(VERDICT)

        again = await cluster.next()

    assert again.incident.lead.transition_at == NOW + timedelta(minutes=11)


async def test_a_failed_investigation_is_told_and_tried_again_while_the_fault_lasts(world):
    async with world.serving():
        await world.model.answers.put(Unreachable("no route to the provider"))
        await world.cluster.feed.put(problem())
        failed = await world.cluster.next()
        world.clock.ahead = timedelta(minutes=11)
        await world.model.answers.put(VERDICT)

        good = await world.cluster.next()

    assert (failed.assessment.outcome, good.assessment.outcome) == ("failed", "inconclusive")
    assert (failed.incident.revision, good.incident.revision) == (1, 2)


async def test_a_verdict_no_sink_could_take_is_offered_again_by_the_next_agent(world):
    await world.model.answers.put(VERDICT)
    world.cluster.away = Unreachable("the API server is away")
    async with world.serving():
        await world.cluster.feed.put(problem())
        await asyncio.wait_for(world.cluster.offered.acquire(), 10)
        await until(world, lambda views: [one.attempts for one in views[0].deliveries] == [1])
    world.cluster.away = None
    world.clock.ahead = delivery_job.PAUSES[0] + timedelta(seconds=1)

    async with world.serving():
        assert (await world.cluster.next()).incident.node == "gpu-1"

    assert world.cluster.published.empty()
    assert world.model.asked.qsize() == 1


async def test_what_a_sink_refused_for_good_is_given_up_and_says_why(world):
    await world.model.answers.put(VERDICT)
    world.cluster.away = Forbidden("events may not be created")
    async with world.serving():
        await world.cluster.feed.put(problem())
        await until(world, lambda views: [one.state for one in views[0].deliveries] == [DeliveryState.GIVEN_UP])

    (view,) = await world.rows()
    assert view.deliveries[0].reason == "events may not be created"


async def test_when_the_budget_is_dry_the_playbook_engine_answers_and_the_llm_looks_again_later(world):
    spendy = replace(VERDICT, usage=Usage(input_tokens=900, output_tokens=100))
    await world.model.answers.put(spendy)
    await world.playbook.answers.put(VERDICT)
    async with world.serving(budget_usd_per_hour=1.0, budget_critical_reserve=0.0):
        await world.cluster.feed.put(problem("gpu-1", message="Xid 31"))
        await world.cluster.next()
        await world.cluster.feed.put(problem("gpu-2", message="Xid 31"))
        stand_in = await world.cluster.next()
        world.clock.ahead = timedelta(minutes=62)
        await world.model.answers.put(spendy)

        revisited = await world.cluster.next()

    assert stand_in.assessment.engine == "playbook"
    assert "GCM_SENTINEL_BUDGET_USD_PER_HOUR" in " ".join(stand_in.assessment.notes)
    assert revisited.assessment.engine == "gated"
    assert revisited.incident.id == stand_in.incident.id


async def test_triggers_that_arrive_together_are_one_incident(world):
    await world.model.answers.put(VERDICT)
    async with world.serving(settle_seconds=0.2):
        for kind in ("GpuXid", "GpuCount"):
            await world.cluster.feed.put(problem(kind=kind))
        await world.cluster.feed.join()
        world.clock.ahead = timedelta(seconds=1)
        done = await world.cluster.next()

    assert sorted(trigger.kind for trigger in done.incident.triggers) == ["GpuCount", "GpuXid"]


async def test_a_node_outside_the_allow_list_is_stored_as_refused_with_the_reason(world):
    async with world.serving(node_allowlist=["gpu-9"]):
        await world.cluster.feed.put(problem())
        await world.cluster.feed.join()
        async with open_stores(world.url, world.clock) as stores, asyncio.timeout(10):
            while not (found := await stores.triggers.left_out()):  # noqa: ASYNC110 - a database tells nobody
                await asyncio.sleep(SHORT_S)

    assert "GCM_SENTINEL_NODE_ALLOWLIST" in found[0].reason
    assert world.model.asked.empty()


async def test_a_secret_in_a_conditions_message_is_masked_before_it_is_stored(world, tmp_path):
    await world.model.answers.put(VERDICT)
    async with world.serving():
        await world.cluster.feed.put(problem(message="login failed, password=canary-77aa"))
        asked, done = await world.model.started(), await world.cluster.next()

    assert "canary-77aa" not in repr((asked, done))
    assert all(b"canary-77aa" not in path.read_bytes() for path in tmp_path.glob("incidents.db*"))


async def until(world, true):
    """Wait until `true` holds of the stored incidents."""
    async with asyncio.timeout(10):
        while True:
            views = await world.rows()
            if views and true(views):
                return
            await asyncio.sleep(SHORT_S)


async def test_a_storm_that_was_stored_before_the_nodes_were_listed_is_one_incident(world):
    names = [f"gpu-{number}" for number in range(3)]
    world.cluster.listed = lambda: False
    async with world.serving() as (_, stop):
        for name in names:
            await world.cluster.feed.put(problem(name, "IbDev", ""))
        await asyncio.wait_for(world.cluster.feed.join(), 10)
        stop.set()
    await world.model.answers.put(VERDICT)

    def listed():
        for name in names:
            world.fleet.seen(name, {"topology.kubernetes.io/rack": "r1"})
        return True

    world.cluster.listed = listed
    async with world.serving():
        assert str((await world.cluster.next()).incident.scope) == "rack r1"


async def test_triage_goes_on_where_nodes_cannot_be_listed(world, monkeypatch):
    monkeypatch.setattr(listing, "AT_MOST", timedelta(seconds=SHORT_S))
    world.cluster.listed = lambda: False
    await world.cluster.feed.put(problem())
    await world.model.answers.put(VERDICT)

    async with world.serving():
        assert (await world.cluster.next()).incident.node == "gpu-1"
