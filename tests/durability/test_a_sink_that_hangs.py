"""A sink that never answers holds up its own deliveries and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.storage.given import Given, finished

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life.delivery_job import DeliveryJob
from gcm_sentinel.app.life.dispatch import PER_SINK, Dispatch
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import IN_MEMORY, Stores, open_stores
from gcm_sentinel.clients.durable.local import LocalQueue
from gcm_sentinel.domain.protocols import Notifier

pytestmark = pytest.mark.slow

SLOTS = 2 * PER_SINK
"""As an agent with two sinks has at least."""
INCIDENTS = 3 * SLOTS


class Sink:
    """Takes what it is handed, once it may."""

    def __init__(self, name: str, *, hangs: bool) -> None:
        self.name = name
        self.asked: list[str] = []
        self.got: list[str] = []
        self.may, self.has_all = asyncio.Event(), asyncio.Event()
        if not hangs:
            self.may.set()

    async def publish(self, publication):
        self.asked.append(publication.incident.investigation_id)
        await self.may.wait()
        self.got.append(publication.incident.investigation_id)
        if len(self.got) == INCIDENTS:
            self.has_all.set()


@pytest.fixture
async def stores() -> AsyncIterator[Stores]:
    """Many investigations that ended, each owed to both sinks."""
    async with open_stores(IN_MEMORY, SystemClock()) as opened:
        given = Given(opened.database)
        for number in range(INCIDENTS):
            await given.incident(f"inc-{number}")
            await given.investigation(f"inc-{number}", state="queued")
            await opened.investigations.start(f"inc-{number}.1", "pod-a")
            notifiers = ("webhook", "kubernetes-event")
            await opened.investigations.finish(f"inc-{number}.1", finished(notifiers=notifiers))
        yield opened


@asynccontextmanager
async def delivering(stores: Stores, *sinks: Notifier) -> AsyncIterator[None]:
    """Dispatch and the queue of deliveries, as an agent runs them."""
    clock, pulse = SystemClock(), Pulse()
    job = DeliveryJob(stores.investigations, stores.deliveries, sinks, clock, pulse)
    async with LocalQueue.open(job, concurrency=SLOTS) as queue:
        dispatch = Dispatch(stores.investigations, stores.deliveries, (queue, queue), clock, pulse)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(dispatch.run())
            yield
            running.cancel()


async def test_a_webhook_that_hangs_does_not_hold_up_events(stores):
    webhook, event = Sink("webhook", hangs=True), Sink("kubernetes-event", hangs=False)

    async with delivering(stores, webhook, event):
        await asyncio.wait_for(event.has_all.wait(), 20)

        assert webhook.got == []
        assert len(webhook.asked) <= PER_SINK


async def test_what_it_was_owed_arrives_once_when_it_answers_again(stores):
    webhook, event = Sink("webhook", hangs=True), Sink("kubernetes-event", hangs=False)

    async with delivering(stores, webhook, event):
        await asyncio.wait_for(event.has_all.wait(), 20)
        webhook.may.set()
        await asyncio.wait_for(webhook.has_all.wait(), 20)

    assert len(set(webhook.got)) == len(webhook.got) == INCIDENTS
