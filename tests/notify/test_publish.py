"""One assessment, several sinks: each outcome is known and none stops another."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from gcm_sentinel.domain.errors import Forbidden, Unreachable
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.notify.publish import deliver, publish_all


class Sink:
    """A notifier that does what it is told."""

    def __init__(self, name: str, failure: Exception | None = None) -> None:
        self._name = name
        self._failure = failure
        self.got: list[Publication] = []

    @property
    def name(self) -> str:
        return self._name

    async def publish(self, publication: Publication) -> None:
        if self._failure:
            raise self._failure
        self.got.append(publication)


class HangingSink(Sink):
    """A notifier that never answers."""

    async def publish(self, publication: Publication) -> None:
        await asyncio.Event().wait()


class WaitingSink(Sink):
    """A notifier that delivers once another one has."""

    def __init__(self, name: str, gate: asyncio.Event) -> None:
        super().__init__(name)
        self._gate = gate

    async def publish(self, publication: Publication) -> None:
        await self._gate.wait()


class OpeningSink(WaitingSink):
    """The other one."""

    async def publish(self, publication: Publication) -> None:
        self._gate.set()


async def test_a_failing_sink_stops_no_other(publication: Publication) -> None:
    last = Sink("last")
    sinks = [Sink("denied", Forbidden("no RBAC")), Sink("down", Unreachable("no route")), Sink("odd", KeyError("x"))]

    deliveries = await publish_all([*sinks, last], publication)

    assert last.got == [publication]
    assert [(d.notifier, d.delivered, d.reason, d.retryable) for d in deliveries] == [
        ("denied", False, "no RBAC", False),
        ("down", False, "no route", True),
        ("odd", False, "KeyError: 'x'", False),
        ("last", True, "", False),
    ]


async def test_a_hanging_sink_ends_at_its_deadline(publication: Publication) -> None:
    deliveries = await publish_all([HangingSink("hangs")], publication, deadline=timedelta(milliseconds=20))

    assert deliveries[0].reason == "no answer within 0.02 s"
    assert deliveries[0].retryable


async def test_a_sinks_own_timeout_is_not_mistaken_for_the_deadline(publication: Publication) -> None:
    deliveries = await publish_all([Sink("slow", TimeoutError("socket"))], publication)

    assert deliveries[0].reason == "TimeoutError: socket"


async def test_sinks_run_side_by_side(publication: Publication) -> None:
    gate = asyncio.Event()
    sinks = [WaitingSink("waits", gate), OpeningSink("opens", gate)]

    deliveries = await publish_all(sinks, publication, deadline=timedelta(seconds=5))

    assert all(delivery.delivered for delivery in deliveries)


async def test_every_outcome_is_logged(publication: Publication) -> None:
    with capture_logs() as logs:
        await publish_all([Sink("good"), Sink("bad", Forbidden("no RBAC"))], publication)

    assert [(entry["event"], entry["notifier"], entry["incident"]) for entry in logs] == [
        ("notify.delivered", "good", "inc-79"),
        ("notify.failed", "bad", "inc-79"),
    ]
    assert logs[1]["reason"] == "no RBAC"


async def test_being_cancelled_is_not_swallowed(publication: Publication) -> None:
    task = asyncio.create_task(publish_all([HangingSink("hangs")], publication))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nowhere_to_publish_is_fine(publication: Publication) -> None:
    assert await publish_all([], publication) == ()


async def test_a_single_sink_can_be_handed_it_alone(publication: Publication) -> None:
    sink = Sink("alone")

    delivery = await deliver(sink, publication)

    assert (delivery.notifier, delivery.delivered, sink.got) == ("alone", True, [publication])


async def test_a_single_sinks_failure_is_an_outcome_too(publication: Publication) -> None:
    delivery = await deliver(HangingSink("hangs"), publication, timedelta(milliseconds=20))

    assert (delivery.delivered, delivery.retryable, delivery.reason) == (False, True, "no answer within 0.02 s")
