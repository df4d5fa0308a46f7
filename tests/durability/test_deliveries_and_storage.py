"""A sink is asked once per attempt, whatever becomes of our own record of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from tests.storage.given import Given, finished

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life import patience
from gcm_sentinel.app.life.delivery_job import DeliveryJob, SwitchedOff, off_in
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import IN_MEMORY, Stores, open_stores
from gcm_sentinel.domain.errors import Retryable
from gcm_sentinel.domain.incident_record import DeliveryState
from gcm_sentinel.domain.modes import Mode
from gcm_sentinel.domain.steps import Unrecorded
from gcm_sentinel.notify.publish import Delivery
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.schema import investigations

KEY = "inc-1.1/log/0"


class FullDisk(Deliveries):
    """Deliveries that can be read, and written only after some attempts in vain."""

    in_vain = 3

    async def delivered(self, investigation_id, notifier, at, *, edition=1):
        self.in_vain -= 1
        if self.in_vain >= 0:
            raise Retryable("no space left")
        await super().delivered(investigation_id, notifier, at, edition=edition)


class Sink:
    """Counts what it is handed."""

    name = "log"

    def __init__(self) -> None:
        self.got: list[str] = []

    async def publish(self, publication):
        self.got.append(publication.incident.investigation_id)


@pytest.fixture
async def stores() -> AsyncIterator[Stores]:
    """One investigation that ended and is owed to the sink."""
    async with open_stores(IN_MEMORY, SystemClock()) as opened:
        given = Given(opened.database)
        await given.incident()
        await given.investigation(state="queued")
        await opened.investigations.start("inc-1.1", "pod-a")
        await opened.investigations.finish("inc-1.1", finished())
        yield opened


async def test_the_sink_is_not_asked_again_while_its_answer_cannot_be_stored(stores, monkeypatch):
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.0)
    sink, deliveries = Sink(), FullDisk(stores.database)
    job = DeliveryJob(stores.investigations, deliveries, (sink,), SystemClock(), Pulse())

    await job(KEY, Unrecorded())

    assert sink.got == ["inc-1.1"]
    stored = await deliveries.get("inc-1.1", "log")
    assert stored is not None
    assert stored.state is DeliveryState.DELIVERED


async def attempt(stores: Stores, *sinks: Sink) -> list[tuple[str, Delivery, DeliveryState]]:
    """Attempt the delivery twice, as a job that runs again does; what was heard of it."""
    heard: list[tuple[str, Delivery, DeliveryState]] = []

    def hear(investigation_id: str, delivery: Delivery, state: DeliveryState) -> None:
        heard.append((investigation_id, delivery, state))

    job = DeliveryJob(stores.investigations, stores.deliveries, sinks, SystemClock(), Pulse(), on_attempt=hear)
    await job(KEY, Unrecorded())
    await job(KEY, Unrecorded())
    return heard


async def test_giving_up_on_a_sink_that_is_not_configured_any_more_is_heard_of_once(stores):
    heard = await attempt(stores)

    reason = "this sink is not configured any more"
    gone = Delivery("log", delivered=False, took_s=0.0, reason=reason)
    assert heard == [("inc-1.1", gone, DeliveryState.GIVEN_UP)]
    assert (await stores.deliveries.get("inc-1.1", "log")).reason == reason


async def test_what_the_mode_has_switched_off_is_left_out_quietly_and_is_no_failure(stores):
    heard: list[object] = []
    off = SwitchedOff("log", "mode recommend does not permit annotate")
    record = await stores.deliveries.get("inc-1.1", "log")
    job = DeliveryJob(
        stores.investigations, stores.deliveries, (off,), SystemClock(), Pulse(),
        on_attempt=lambda *told: heard.append(told),
    )  # fmt: skip

    with capture_logs() as logs:
        await job(KEY, Unrecorded())

    stored = await stores.deliveries.get("inc-1.1", "log")
    assert stored == replace(record, state=DeliveryState.LEFT_OUT, reason="mode recommend does not permit annotate")
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("notify.left_out", "info")]
    assert heard == []


@pytest.mark.parametrize(
    ("mode", "off"), [("recommend", ["annotations"]), ("annotate", []), ("approve", []), ("execute", [])]
)
def test_annotations_are_off_only_where_the_mode_writes_to_no_node(mode, off):
    assert [sink.name for sink in off_in(Mode(mode))] == off


async def test_giving_up_where_the_assessment_is_gone_is_heard_of_once(stores):
    async with stores.database.writing() as connection:
        await connection.execute(update(investigations).values(assessment=None))
    sink = Sink()

    heard = await attempt(stores, sink)

    gone = Delivery("log", delivered=False, took_s=0.0, reason="its assessment is not stored any more")
    assert heard == [("inc-1.1", gone, DeliveryState.GIVEN_UP)]
    assert sink.got == []
