"""What is owed to a sink is offered until it is delivered or given up, and each of these counts once."""

from __future__ import annotations

import pytest
from tests.storage.given import NOW, Given, at, finished, trigger

from gcm_sentinel.domain.incident_record import DeliveryRecord, DeliveryState
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.investigations import Investigations


@pytest.fixture
async def deliveries(database) -> Deliveries:
    """One assessment owed to a webhook."""
    given = Given(database)
    await given.incident()
    await given.investigation(state="running")
    await Investigations(database).finish("inc-1.1", finished(notifiers=("webhook",)))
    return Deliveries(database)


async def webhook(deliveries) -> DeliveryRecord:
    """How it stands."""
    record: DeliveryRecord | None = await deliveries.get("inc-1.1", "webhook")
    assert record is not None
    return record


async def test_what_failed_is_offered_again_when_its_time_has_come(deliveries):
    await deliveries.attempted("inc-1.1", "webhook", "503", at(5))

    assert await deliveries.owed(at(4.9)) == ()
    assert [(item.attempts, item.reason) for item in await deliveries.owed(at(5))] == [(1, "503")]
    assert await deliveries.next_due() == at(5)


async def test_one_attempt_is_counted_once(deliveries):
    for _ in range(2):
        await deliveries.attempted("inc-1.1", "webhook", "503", at(5), attempt=0)

    assert (await webhook(deliveries)).attempts == 1


async def test_what_was_delivered_is_owed_no_more(deliveries):
    await deliveries.delivered("inc-1.1", "webhook", at(1))
    await deliveries.delivered("inc-1.1", "webhook", at(2))

    assert await deliveries.owed(at(99)) == ()
    record = await webhook(deliveries)
    assert (record.state, record.delivered_at) == (DeliveryState.DELIVERED, at(1))


async def test_what_was_delivered_is_not_given_up_or_tried_again(deliveries):
    await deliveries.delivered("inc-1.1", "webhook", at(1))

    await deliveries.attempted("inc-1.1", "webhook", "late news", at(5))
    await deliveries.given_up("inc-1.1", "webhook", "late news")

    record = await webhook(deliveries)
    assert (record.state, record.attempts, record.reason) == (DeliveryState.DELIVERED, 0, "")


async def test_what_was_given_up_keeps_its_reason(deliveries):
    await deliveries.given_up("inc-1.1", "webhook", "404: no such channel")

    assert await deliveries.owed(at(99)) == ()
    record = await webhook(deliveries)
    assert (record.state, record.reason) == (DeliveryState.GIVEN_UP, "404: no such channel")


async def test_the_longest_owed_is_offered_first(deliveries, database, clock):
    clock.moment = at(3)
    given = Given(database)
    await given.incident("inc-0", [trigger()])
    await given.investigation("inc-0", state="running")
    await Investigations(database).finish("inc-0.1", finished(notifiers=("webhook",)))

    assert [item.investigation_id for item in await deliveries.owed(at(9))] == ["inc-1.1", "inc-0.1"]
    assert [item.investigation_id for item in await deliveries.owed(at(9), per_sink=1)] == ["inc-1.1"]


async def test_of_each_sink_come_those_whose_time_came_first(deliveries, database, clock):
    given = Given(database)
    for minute in (1, 2):
        clock.moment = at(minute)
        await given.incident(f"inc-0{minute}", [trigger()])
        await given.investigation(f"inc-0{minute}", state="running")
        await Investigations(database).finish(f"inc-0{minute}.1", finished(notifiers=("webhook", "event")))
    await deliveries.attempted("inc-1.1", "webhook", "503", at(1.5))

    due = await deliveries.owed(at(9), per_sink=2)

    assert [(item.notifier, item.investigation_id) for item in due] == [
        ("event", "inc-01.1"),
        ("webhook", "inc-01.1"),
        ("webhook", "inc-1.1"),
        ("event", "inc-02.1"),
    ]


async def test_nothing_was_ever_owed_to_another_sink(deliveries):
    assert await deliveries.get("inc-1.1", "slack") is None
    assert await deliveries.next_due() is None
    assert (await webhook(deliveries)).owed_at == NOW
