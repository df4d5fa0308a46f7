"""What becomes of an action reaches the sinks: from the change of its row over the delivery job to the sink."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import update
from tests.storage.given import Given, at, finished
from tests.storage.test_actions import CORDON

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life.closing import Closing
from gcm_sentinel.app.life.delivery_job import DeliveryJob
from gcm_sentinel.app.life.dispatch import delivery_key
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import Stores, open_stores
from gcm_sentinel.clients.durable import LocalQueue
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.errors import Forbidden, Unreachable
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.domain.threads import OverThread, Thread
from gcm_sentinel.storage.actions import Step
from gcm_sentinel.storage.investigations import Investigations
from gcm_sentinel.storage.schema import incidents


@dataclass
class Sink:
    """Keeps what it is told, and is away as long as `away` says."""

    name: str = "log"
    told: list[Publication] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    away: int = 0
    refuses: bool = False
    away_for: frozenset[str] = frozenset()
    """Incidents whose end it cannot take just now."""

    async def publish(self, publication: Publication) -> None:
        if self.away:
            self.away -= 1
            raise Unreachable("the sink is away")
        self.told.append(publication)

    async def close(self, over: OverThread) -> None:
        if self.refuses:
            raise Forbidden("no right")
        if over.thread.incident_id in self.away_for:
            raise Unreachable("the sink is away")
        self.closed.append(over.thread.incident_id)


@pytest.fixture
async def stores(tmp_path) -> AsyncIterator[Stores]:
    """An assessment with a proposal, owed to one sink."""
    async with open_stores(f"sqlite:///{tmp_path}/db", SystemClock()) as stores:
        given = Given(stores.database)
        await given.incident()
        await given.investigation(state="running")
        await stores.investigations.start("inc-1.1", "here")
        done = replace(finished(notifiers=("log",)), actions=(CORDON,))
        await Investigations(stores.database).finish("inc-1.1", done)
        yield stores


async def delivered(stores: Stores, sink: Sink) -> list[str]:
    """Everything that is owed, handed over once; the keys of the jobs."""
    far = at(60 * 24 * 365 * 9)
    keys = [delivery_key(record) for record in await stores.deliveries.owed(far)]
    job = DeliveryJob(stores.investigations, stores.deliveries, (sink,), SystemClock(), Pulse())
    async with LocalQueue.open(job, concurrency=1) as queue:
        for key in keys:
            await queue.submit(key, priority=1)
        await queue.idle()
    return keys


async def test_each_state_is_told_with_everything_that_stands_behind_it(stores):
    sink = Sink()
    assert await delivered(stores, sink) == ["inc-1.1/log/0"]
    await stores.actions.advance(CORDON.id, Step(ActionState.WAITING, at(2), ruling="a person decides"))
    assert await delivered(stores, sink) == ["inc-1.1/log/2.0"]
    assert await delivered(stores, sink) == []

    first, second = sink.told
    assert [(told.edition, told.shown_before, told.key) for told in sink.told] == [
        (1, False, "inc-1.1"),
        (2, True, "inc-1.1/2"),
    ]
    assert (first.actions[0].state, second.actions[0].state) == (ActionState.PROPOSED, ActionState.WAITING)
    assert first.assessment == second.assessment


async def test_a_sink_that_was_away_is_told_where_it_stands_now(stores):
    sink = Sink(away=1)
    await delivered(stores, sink)
    await stores.actions.advance(CORDON.id, Step(ActionState.WAITING, at(2)))
    await stores.actions.advance(CORDON.id, Step(ActionState.REFUSED, at(3), note="ada refused by cli"))
    assert await delivered(stores, sink) == ["inc-1.1/log/3.0"]

    (told,) = sink.told
    assert (told.edition, told.shown_before, told.actions[0].note) == (3, False, "ada refused by cli")


async def test_a_job_of_an_edition_that_was_overtaken_does_nothing(stores):
    sink = Sink()
    await stores.actions.advance(CORDON.id, Step(ActionState.WAITING, at(2)))
    job = DeliveryJob(stores.investigations, stores.deliveries, (sink,), SystemClock(), Pulse())
    async with LocalQueue.open(job, concurrency=1) as queue:
        await queue.submit("inc-1.1/log/0", priority=1)
        await queue.idle()

    assert sink.told == []


@pytest.mark.parametrize("refuses", [False, True])
async def test_the_end_is_said_once_also_where_a_sink_refuses(stores, refuses):
    sink = Sink(refuses=refuses)
    await stores.threads.put("log", Thread("inc-1", "m", revision=1))
    closing = Closing(stores.threads, (sink,))
    await closing.close()
    assert sink.closed == []

    async with stores.database.writing() as connection:
        await connection.execute(update(incidents).values(state="closed", close_reason="over"))
    for _ in range(2):
        await closing.close()

    assert sink.closed == ([] if refuses else ["inc-1"])
    assert await stores.threads.over("log") == ()


async def test_a_sink_or_a_thread_that_is_away_holds_up_no_other(stores):
    sinks = Sink("slack", away_for=frozenset({"inc-1", "inc-2"})), Sink("pagerduty", away_for=frozenset({"inc-1"}))
    await Given(stores.database).incident("inc-2")
    for sink in sinks:
        for incident in ("inc-1", "inc-2"):
            await stores.threads.put(sink.name, Thread(incident, "m", revision=1))
    async with stores.database.writing() as connection:
        await connection.execute(update(incidents).values(state="closed", close_reason="over"))

    with pytest.raises(Unreachable):
        await Closing(stores.threads, sinks).close()

    assert [sink.closed for sink in sinks] == [[], ["inc-2"]]
    assert [item.thread.incident_id for item in await stores.threads.over("pagerduty")] == ["inc-1"]


@pytest.mark.parametrize("state", ["open", "closed"])
async def test_a_sink_that_was_away_learns_that_the_incident_is_over(stores, state):
    sink = Sink()
    async with stores.database.writing() as connection:
        await connection.execute(update(incidents).values(state=state))
    await delivered(stores, sink)

    assert sink.told[0].closed is (state == "closed")
