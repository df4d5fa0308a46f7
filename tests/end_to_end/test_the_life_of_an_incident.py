"""Triggers become published assessments whatever breaks on the way: nothing is lost, repeated or left running."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.app import redelivery, workflow
from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.settings import load
from gcm_sentinel.app.wiring import Agent
from gcm_sentinel.app.workflow import Workflow
from gcm_sentinel.domain.budget import Limits
from gcm_sentinel.domain.errors import Bug, NotFound, Unreachable
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.redaction import Redactor
from gcm_sentinel.domain.transcript import SUBMIT_TOOL, ModelTurn
from gcm_sentinel.domain.trigger import Incident, Trigger, TriggerStatus
from gcm_sentinel.engine.loop import Loop
from gcm_sentinel.engine.toolbox import Toolbox
from gcm_sentinel.llm.scripted import calling
from gcm_sentinel.notify.publish import Delivery
from gcm_sentinel.storage.memory import MemoryEvidenceStore

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
VERDICT = calling(
    (SUBMIT_TOOL, {"severity": "warning", "fault_class": "inconclusive", "summary": "s", "root_cause": "r",
                   "confidence": 0.0})
)  # fmt: skip


def problem(node="gpu-1", kind="GpuXid", message="Xid 79"):
    return Trigger("kubernetes", node, kind, TriggerStatus.PROBLEM, "R", message, NOW, NOW)


def node_with(status):
    condition = {"type": "GpuXid", "status": status, "lastTransitionTime": "2026-11-20T03:00:00Z"}
    return {"metadata": {"name": "gpu-1", "uid": "u"}, "status": {"conditions": [condition]}}


class Cluster:
    """A Kubernetes client that knows one node, a watcher that tells what it is fed, and a sink that keeps it all."""

    name = "sink"

    def __init__(self):
        self.feed: asyncio.Queue[Trigger | Exception] = asyncio.Queue()
        self.node = node_with("True")
        self.published: asyncio.Queue[Publication] = asyncio.Queue()
        self.was_read = asyncio.Event()
        self.offered = asyncio.Semaphore(0)
        self.away: Exception | None = None

    async def get(self, path):
        self.was_read.set()
        if isinstance(self.node, Exception):
            raise self.node
        return self.node

    async def triggers(self):
        while True:
            item = await self.feed.get()
            if isinstance(item, Exception):
                raise item
            yield item
            self.feed.task_done()

    async def publish(self, publication):
        self.offered.release()
        if isinstance(self.away, Exception):
            raise self.away
        await self.published.put(publication)

    async def next(self):
        return await asyncio.wait_for(self.published.get(), 5)


class Gated:
    """A model that answers each turn when it is let."""

    name = "gated"

    def __init__(self):
        self.asked: asyncio.Queue[Incident] = asyncio.Queue()
        self.answers: asyncio.Queue[ModelTurn | Exception] = asyncio.Queue()

    async def turn(self, transcript, tools):
        await self.asked.put(transcript.incident)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def started(self):
        return await asyncio.wait_for(self.asked.get(), 5)


class MovableClock(SystemClock):
    """A clock that stands still until `ahead` is moved."""

    ahead = timedelta()

    def now(self):
        return NOW + self.ahead


@pytest.fixture
async def cluster():
    return Cluster()


@pytest.fixture
async def model():
    return Gated()


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
async def serving(cluster, model, clock):
    """Start a workflow; gives its task and the event that stops it."""
    started = []

    def start(**settings):
        chosen = load({"settle_seconds": 0, "cooldown_seconds": 3600, **settings})
        store, redactor = MemoryEvidenceStore(), Redactor()
        toolbox = Toolbox((), store, clock, redactor=redactor)
        loop = Loop(model, toolbox, clock, system="s", limits=Limits(), price=lambda _turn: 0.0)
        parts = (chosen, clock, cluster, (), (), model, loop, store, redactor, cluster, (cluster,))
        stop = asyncio.Event()
        task = asyncio.create_task(Workflow(Agent(*parts)).run(stop))
        started.append(task)
        return task, stop

    yield start
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)


async def test_a_broken_watch_loses_no_investigation_and_is_a_bug(serving, cluster, model):
    running, _ = serving()
    await cluster.feed.put(problem())
    await model.started()
    await cluster.feed.put(KeyError("metadata"))
    await model.answers.put(VERDICT)

    assert (await cluster.next()).incident.node == "gpu-1"
    with pytest.raises(Bug, match="ended by itself: KeyError"):
        await asyncio.wait_for(running, 5)


async def test_told_to_stop_it_finishes_what_runs_and_leaves_what_waits(serving, cluster, model):
    running, stop = serving(max_concurrent=1)
    await cluster.feed.put(problem("gpu-1"))
    first = await model.started()
    await cluster.feed.put(problem("gpu-2"))
    await cluster.feed.join()
    stop.set()
    await model.answers.put(VERDICT)

    await asyncio.wait_for(running, 5)

    assert (await cluster.next()).incident == first
    assert cluster.published.empty()
    assert model.asked.empty()


async def test_what_comes_within_the_cool_down_and_stays_bad_is_investigated_after_it(serving, cluster, model, clock):
    serving()
    await model.answers.put(VERDICT)
    await cluster.feed.put(problem())
    await cluster.next()
    clock.ahead = timedelta(seconds=3599.9)
    await cluster.feed.put(replace(problem(), transition_at=NOW + timedelta(minutes=1)))
    await cluster.feed.join()
    clock.ahead = timedelta(hours=1)
    await model.answers.put(VERDICT)

    again = await cluster.next()

    assert again.incident.lead.kind == "GpuXid"
    assert cluster.was_read.is_set()


@pytest.mark.parametrize("now", [node_with("False"), NotFound("no such node")], ids=["well-again", "gone"])
async def test_what_is_no_longer_bad_after_the_cool_down_is_dropped(serving, cluster, model, clock, now):
    running, stop = serving()
    await model.answers.put(VERDICT)
    await cluster.feed.put(problem())
    await cluster.next()
    cluster.node = now
    clock.ahead = timedelta(seconds=3599.95)
    await cluster.feed.put(replace(problem(), transition_at=NOW + timedelta(minutes=1)))
    await cluster.feed.join()

    await asyncio.wait_for(cluster.was_read.wait(), 5)
    stop.set()
    await asyncio.wait_for(running, 5)

    assert model.asked.qsize() == 1


async def test_a_held_trigger_does_not_keep_the_agent_from_stopping(serving, cluster, model):
    running, stop = serving()
    await model.answers.put(VERDICT)
    await cluster.feed.put(problem())
    await cluster.next()
    await cluster.feed.put(problem())
    await cluster.feed.join()

    stop.set()

    await asyncio.wait_for(running, 5)


async def test_a_failed_investigation_is_told_and_tried_again_while_the_condition_lasts(
    serving, cluster, model, monkeypatch
):
    monkeypatch.setattr(workflow, "RETRY_FAILED", timedelta(milliseconds=20))
    serving(cooldown_seconds=0)
    await model.answers.put(Unreachable("no route to the provider"))
    await cluster.feed.put(problem())
    failed = await cluster.next()
    await model.answers.put(VERDICT)

    good = await cluster.next()

    assert (failed.assessment.outcome, good.assessment.outcome) == ("failed", "inconclusive")
    assert failed.incident.node == good.incident.node


async def test_a_verdict_no_sink_could_take_is_offered_again(serving, cluster, model, monkeypatch):
    monkeypatch.setattr(redelivery, "PAUSES", [timedelta(milliseconds=20)] * 9)
    serving()
    cluster.away = Unreachable("the API server is away")
    await cluster.feed.put(problem())
    await model.answers.put(VERDICT)
    for _ in range(3):
        await asyncio.wait_for(cluster.offered.acquire(), 5)

    cluster.away = None

    assert (await cluster.next()).incident.node == "gpu-1"
    assert cluster.published.empty()


async def test_what_is_owed_to_a_sink_does_not_keep_the_agent_from_stopping(serving, cluster, model):
    running, stop = serving()
    cluster.away = Unreachable("the API server is away")
    await cluster.feed.put(problem())
    await model.answers.put(VERDICT)
    await asyncio.wait_for(cluster.offered.acquire(), 5)

    stop.set()

    await asyncio.wait_for(running, 5)


async def test_what_a_sink_refused_for_good_is_not_offered_again(serving, cluster, model, monkeypatch):
    monkeypatch.setattr(redelivery, "PAUSES", [timedelta(0)])
    serving()
    await cluster.feed.put(problem())
    await model.answers.put(VERDICT)
    publication = await cluster.next()
    refused = Delivery("sink", delivered=False, took_s=0.1, reason="events may not be created", retryable=False)

    async with asyncio.TaskGroup() as tasks:
        redelivery.Redelivery([cluster]).owe(publication, [refused], tasks)

    assert cluster.published.empty()


async def test_triggers_that_arrive_together_are_one_incident(serving, cluster, model):
    serving(settle_seconds=0.05)
    for kind in ("GpuXid", "GpuCount", "GpuXid"):
        await cluster.feed.put(problem(kind=kind))
    await model.answers.put(VERDICT)

    done = await cluster.next()

    assert [trigger.kind for trigger in done.incident.triggers] == ["GpuCount", "GpuXid", "GpuXid"]


async def test_a_secret_in_a_conditions_message_is_masked(serving, cluster, model):
    serving()
    await cluster.feed.put(problem(message="login failed, password=canary-77aa"))
    await model.answers.put(VERDICT)

    asked, done = await model.started(), await cluster.next()

    assert "canary-77aa" not in repr((asked, done))
