"""The log says when an investigation that a person asked for is handed over, and when any begins or goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from tests.storage.given import Given

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.life.budget import EngineChoice
from gcm_sentinel.app.life.dispatch import Dispatch
from gcm_sentinel.app.life.investigation_job import Audience, Engines, InvestigationJob
from gcm_sentinel.app.life.pulse import Pulse
from gcm_sentinel.app.stores import IN_MEMORY, Stores, open_stores
from gcm_sentinel.clients.durable.local import LocalQueue
from gcm_sentinel.domain.errors import Refused
from gcm_sentinel.storage.schema import investigations
from gcm_sentinel.triage.budget import Pools


class Recorded:
    """Steps whose results answer in place of the work once it was done."""

    def __init__(self) -> None:
        self._results: dict[str, Any] = {}

    async def run(self, name, work, codec):
        if name not in self._results:
            self._results[name] = codec.encode(await work())
        return codec.decode(self._results[name])


class Mute:
    """An engine that refuses every investigation."""

    name = "mute"

    async def investigate(self, *_what, **_how):
        raise Refused("not today")


@pytest.fixture
async def stores() -> AsyncIterator[Stores]:
    """One incident, whose investigation is wanted."""
    async with open_stores(IN_MEMORY, SystemClock()) as opened:
        given = Given(opened.database)
        await given.incident()
        await given.investigation()
        yield opened


async def nothing(_key, _steps):
    """A job."""


async def said_when_handed_over(stores: Stores) -> list[Any]:
    """What is logged while dispatch looks twice."""
    async with LocalQueue.open(nothing, concurrency=1) as queue:
        dispatch = Dispatch(stores.investigations, stores.deliveries, (queue, queue), SystemClock(), Pulse())
        with capture_logs() as said:
            await dispatch.hand_over()
            await dispatch.hand_over()
    return [line for line in said if line["event"] == "investigation.handed_over"]


async def said_of_the_job(stores: Stores, steps: Recorded) -> list[Any]:
    """What is logged of an investigation while its job runs, which its engine cuts short."""
    engine: Any = Mute()
    choice = EngineChoice(stores.spending, Pools(), SystemClock(), paid=True)
    job = InvestigationJob(stores, Engines(engine, engine, engine, choice), Audience(()), Pulse(), executor="pod-a")
    with capture_logs() as said, pytest.raises(Refused):
        await job("inc-1.1", steps)
    return [line for line in said if line["event"].startswith("investigation.")]


async def test_what_a_person_asked_for_is_told_once_when_it_is_handed_over(stores):
    async with stores.database.writing() as connection:
        await connection.execute(update(investigations).values(why="by-hand"))

    (line,) = await said_when_handed_over(stores)

    assert (line["investigation"], line["why"], line["urgency"]) == ("inc-1.1", "by-hand", "warning")


async def test_what_triage_wanted_is_not_told_again_when_it_is_handed_over(stores):
    assert await said_when_handed_over(stores) == []


async def test_an_investigation_is_started_once_and_resumed_after_that(stores):
    steps = Recorded()

    told = [*await said_of_the_job(stores, steps), *await said_of_the_job(stores, steps)]

    assert [line["event"] for line in told] == ["investigation.started", "investigation.resumed"]
    assert {(line["investigation"], line["engine"], line["triggers"]) for line in told} == {("inc-1.1", "mute", 1)}
