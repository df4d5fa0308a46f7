"""A gateway that lost its place to another one, or whose end comes while somebody waits for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from sqlalchemy import Connection
from tests.sentinel_core.gateway import AGENT, JANE, Place, asking, batch, execution, gpu

from sentinel_gateway.core.core import Core
from sentinel_gateway.domain.errors import BadConfiguration, Unavailable
from sentinel_gateway.domain.health import Action
from sentinel_gateway.domain.history import Window
from sentinel_gateway.storage.database import Database
from sentinel_gateway.storage.store import Store

DEADLINE_S = 10.0


async def send(core: Core, number: int) -> None:
    await core.report_probes(AGENT, batch(execution(number), sequence=number))


async def test_a_gateway_that_was_overtaken_stores_nothing_and_ends(either: Place):
    with pytest.RaisesGroup(pytest.RaisesExc(BadConfiguration, match="another gateway")):
        async with either.running() as core:
            await send(core, 0)
            core._store.claim()
            with pytest.raises(Unavailable, match="another gateway"):
                await send(core, 1)
    async with either.running() as core:
        assert (await core.gpu_health(gpu().uuid)).probe_pass_count == 1


class Unanswered(Store):
    """A store whose next commit is not answered, and goes through only when somebody waits for its locks."""

    def __init__(self, database: Database, url: str) -> None:
        super().__init__(database)
        self._url = url
        self._loses = True
        self.committing = threading.Thread(target=self._commit_late)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        loses, self._loses = self._loses, False
        with ExitStack() as stack:
            yield stack.enter_context(super().writing())
            if loses:
                self._under_way = stack.pop_all()
                self.committing.start()
                raise Unavailable("the connection broke")

    def _commit_late(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        with psycopg.connect(self._url, autocommit=True) as watcher:
            query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while watcher.execute(query).fetchone() == (0,) and time.monotonic() < deadline:
                time.sleep(0.01)
        self._under_way.close()


async def test_a_commit_that_is_still_under_way_is_waited_for(postgres_url: str, tmp_path):
    place = Place(postgres_url, tmp_path)
    async with place.running() as core:
        await send(core, 0)
        store = core._journal._store = Unanswered(core._store._database, postgres_url)
        with pytest.raises(Unavailable):
            await send(core, 1)
        await send(core, 1)
        await send(core, 2)
        store.committing.join(DEADLINE_S)
        assert (await core.gpu_health(gpu().uuid)).probe_pass_count == 3
        assert core.counters.duplicates == {"probe": 1}


class Held(Store):
    """A store that writes when it may."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.began, self.may = threading.Event(), threading.Event()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self.began.set()
        assert self.may.wait(DEADLINE_S)
        with super().writing() as connection:
            yield connection


async def test_whoever_waits_when_the_end_comes_is_told(place: Place):
    async with place.loaded() as core:
        running = asyncio.create_task(core.run())
        await send(core, 0)
        held = core._journal._store = Held(core._store._database)
        storing = asyncio.create_task(send(core, 1))
        await asyncio.to_thread(held.began.wait, DEADLINE_S)
        queued = asyncio.create_task(send(core, 2))
        await asyncio.sleep(0)

        running.cancel()
        held.may.set()
        answers = await asyncio.gather(running, storing, queued, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError, Unavailable, Unavailable]


async def test_after_the_end_reading_says_so(place: Place):
    async with place.running() as core:
        await send(core, 0)
        await core.issue(JANE, asking(Action.QUARANTINE, "d-1"))
    for question in (core.history(gpu().uuid, Window()), core.directive("d-1"), core.trust_graph()):
        with pytest.raises(Unavailable, match="stopped"):
            await question
