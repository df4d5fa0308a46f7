"""Limits hold over all who act on one database: the last place in the fleet and in the hour is taken once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.acting_safety.conftest import FLEET, NODE, POLICY, Death, Yard, a_yard

from gcm_sentinel.app.stores import open_stores
from gcm_sentinel.domain.action_record import ActionState
from gcm_sentinel.domain.modes import Mode

pytestmark = pytest.mark.slow

DONE, REFUSED, WAITING = ActionState.DONE, ActionState.REFUSED, ActionState.WAITING


@asynccontextmanager
async def replicas(folder, url: str, mode: Mode = Mode.EXECUTE, **limits):
    """Two agents on one database and one cluster, each with connections of its own; they share the queue."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(a_yard(folder, url, mode))
        one.policy = replace(POLICY, **limits)
        stores = await stack.enter_async_context(open_stores(url, one.clock))
        yield one, replace(one, stores=stores, process=100)


async def all_at_once(yards: tuple[Yard, Yard], keys) -> None:
    """Every job, in turns by one and by the other."""
    for key in keys:
        await yards[0].queue.submit(key, priority=1)
    await asyncio.gather(*(yards[place % 2].run(key) for place, key in enumerate(keys)))


async def proposals(yard: Yard, count: int):
    return [await yard.proposed(f"inc-{number}", FLEET[number]) for number in range(count)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, tmp_path) -> str:
    """A database that two can share; SQLite as two parts of one process."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/one.db"
    return str(request.getfixturevalue("postgres_url"))


async def test_two_of_eight_take_the_two_places_that_are_left(tmp_path, url):
    async with replicas(tmp_path, url, max_per_hour=100) as (one, other):
        records = await proposals(one, 8)
        await all_at_once((one, other), [f"{record.id}@proposed" for record in records])
        ended = [(await one.now(record)).state for record in records]

        assert sorted(ended) == [DONE] * 2 + [REFUSED] * 6
        assert len(one.cordoned) == 2
        assert not (await one.stores.actions.breaker()).is_open


async def test_one_of_eight_is_the_last_of_the_hour_and_the_others_ask(tmp_path, url):
    async with replicas(tmp_path, url, max_per_hour=1, max_out_of_service=1.0) as (one, other):
        records = await proposals(one, 8)
        await all_at_once((one, other), [f"{record.id}@proposed" for record in records])
        ended = [await one.now(record) for record in records]

        assert sorted(record.state for record in ended) == [DONE] + [WAITING] * 7
        assert all("within the last hour" in record.ruling for record in ended if record.state is WAITING)
        assert len(await one.stores.approvals.waiting(one.clock.now())) == 7


async def test_the_same_order_of_two_investigations_is_carried_out_once(tmp_path, url):
    async with replicas(tmp_path, url) as (one, other):
        record = await one.proposed()
        again = replace(record, order=replace(record.order, investigation_id="inc-1.2"))
        await one.given.investigation("inc-1", 2)
        await one.stores.actions.propose([again])
        await all_at_once((one, other), [f"{record.id}@proposed", f"{again.id}@proposed"])

        states = [(await one.now(item)).state for item in (record, again)]
        assert sorted(states) == [DONE, REFUSED]
        assert len(one.store.writes) == 1


async def test_one_job_that_two_replicas_believe_to_be_theirs_changes_the_node_once(tmp_path, url):
    async with replicas(tmp_path, url) as (one, other):
        record = await one.proposed()
        key = f"{record.id}@proposed"
        await one.queue.submit(key, priority=1)
        assert not await one.run(key, Death(1, recorded=False))
        before = len(one.changed)
        assert await other.run(key)

        assert (await one.now(record)).state is DONE
        assert one.changed[before:] == [NODE]


async def test_what_ended_while_the_fleet_was_being_counted_is_counted_too(yard):
    """One place left: another action ends between our count of the fleet, which shows no cordon yet, and our turn."""
    yard.policy = replace(POLICY, max_out_of_service=0.05)
    first, second = await proposals(yard, 2)
    counting, go_on = asyncio.Event(), asyncio.Event()
    listing = yard.client.list

    async def held(*args, **more):
        found = await listing(*args, **more)
        if counting.is_set():
            return found
        counting.set()
        await go_on.wait()
        return found

    key = f"{second.id}@proposed"
    await yard.queue.submit(key, priority=1)
    assert not await yard.run(key, Death(0, recorded=True))
    yard.client.list = held
    slow = asyncio.create_task(yard.run(key))
    await counting.wait()
    await yard.queue.submit(f"{first.id}@proposed", priority=1)
    await yard.run(f"{first.id}@proposed")
    yard.clock.moment += timedelta(seconds=20)
    go_on.set()
    await slow

    assert ((await yard.now(first)).state, (await yard.now(second)).state) == (DONE, REFUSED)
    assert yard.cordoned == [FLEET[0]]
