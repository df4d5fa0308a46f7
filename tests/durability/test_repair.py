"""What storage believes to be under way, and the queue does not, comes to an end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs
from tests.storage.given import Given, finished

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life.delivery_job import PAUSES, OnAttempt, unheard
from gcm_sentinel.app.life.repair import Repair
from gcm_sentinel.app.stores import IN_MEMORY, Stores, open_stores
from gcm_sentinel.clients.durable.config import JobRecord, JobState
from gcm_sentinel.domain.incident_record import DeliveryState, InvestigationState
from gcm_sentinel.notify.publish import Delivery


class Queue:
    """A queue in which every job stands in one state; None for a queue that knows none."""

    def __init__(self, state: JobState | None) -> None:
        self.state = state
        self.submitted: list[str] = []

    async def submit(self, key, *, priority):
        self.submitted.append(key)

    async def look(self, key):
        return None if self.state is None else JobRecord("any", key, self.state, None, 1, None)


@pytest.fixture
async def stores() -> AsyncIterator[Stores]:
    """One investigation that is under way."""
    async with open_stores(IN_MEMORY, SystemClock()) as opened:
        given = Given(opened.database)
        await given.incident()
        await given.investigation(state="queued")
        await opened.investigations.start("inc-1.1", "pod-a")
        yield opened


async def mend(stores: Stores, state: JobState | None, *, on_attempt: OnAttempt = unheard) -> Queue:
    """Look once, with all jobs in one state."""
    queue = Queue(state)
    await Repair(stores, (queue, queue.look), (queue, queue.look), SystemClock(), on_attempt=on_attempt).mend()
    return queue


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.GIVEN_UP, JobState.CANCELLED])
async def test_an_investigation_whose_job_is_over_without_a_result_has_failed(state, stores):
    await mend(stores, state)

    stored = await stores.investigations.get("inc-1.1")
    assert stored is not None
    assert stored.record.state is InvestigationState.FAILED


async def test_what_the_queue_never_heard_of_is_handed_in_again(stores):
    assert (await mend(stores, None)).submitted == ["inc-1.1"]

    await stores.investigations.finish("inc-1.1", finished())

    assert (await mend(stores, None)).submitted == ["inc-1.1/log/0"]


async def test_a_delivery_whose_job_broke_counts_as_a_failed_attempt(stores):
    await stores.investigations.finish("inc-1.1", finished())
    heard: list[tuple[str, Delivery, DeliveryState]] = []

    await mend(stores, JobState.FAILED, on_attempt=lambda *told: heard.append(told))

    broken = Delivery("log", False, 0.0, "its job ended as 'failed' without a result", retryable=True)
    assert heard == [("inc-1.1", broken, DeliveryState.OWED)]
    stored = await stores.deliveries.get("inc-1.1", "log")
    assert stored is not None
    assert (stored.state, stored.attempts) == (DeliveryState.OWED, 1)


async def test_a_delivery_whose_every_job_breaks_is_given_up_and_that_is_heard_of(stores):
    await stores.investigations.finish("inc-1.1", finished())
    long_ago = SystemClock().now() - 2 * PAUSES[-1]
    for attempt in range(len(PAUSES)):
        await stores.deliveries.attempted("inc-1.1", "log", "broke", long_ago, attempt=attempt)
    states: list[DeliveryState] = []

    with capture_logs() as logs:
        await mend(stores, JobState.FAILED, on_attempt=lambda _id, _delivery, state: states.append(state))

    stored = await stores.deliveries.get("inc-1.1", "log")
    assert stored is not None
    assert stored.state is DeliveryState.GIVEN_UP
    assert states == [DeliveryState.GIVEN_UP]
    assert "notify.given_up" in {entry["event"] for entry in logs}
