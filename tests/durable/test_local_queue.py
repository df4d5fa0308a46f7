"""The queue in memory behaves like the durable one, without a record."""

from __future__ import annotations

import asyncio

import pytest
from tests.durable.pieces import step, until

from gcm_sentinel.clients.durable import LocalQueue
from gcm_sentinel.domain.steps import Steps


class Noting:
    """A job that notes its keys and waits for `gate`."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.ended: list[str] = []
        self.gate = asyncio.Event()

    async def __call__(self, key: str, steps: Steps) -> None:
        """Note the key."""
        self.ran.append(key)
        await step(steps, "turn", [])
        await self.gate.wait()
        if key == "bad":
            raise ValueError(key)
        self.ended.append(key)


async def test_it_runs_each_key_once():
    job = Noting()
    job.gate.set()
    async with LocalQueue.open(job, concurrency=2) as queue:
        for key in ("a", "b", "a", "c"):
            await queue.submit(key, priority=1)
        await queue.idle()
        await queue.submit("a", priority=1)
        await queue.idle()

    assert sorted(job.ended) == ["a", "b", "c"]


async def test_the_most_urgent_waiting_job_goes_first_and_equals_in_order():
    job = Noting()
    async with LocalQueue.open(job, concurrency=1) as queue:
        for key, priority in (("first", 9), ("low", 100), ("one", 10), ("two", 10), ("high", 1)):
            await queue.submit(key, priority=priority)
        job.gate.set()
        await queue.idle()

    assert job.ran == ["first", "high", "one", "two", "low"]


async def test_no_more_run_at_once_than_allowed():
    job = Noting()
    async with LocalQueue.open(job, concurrency=2) as queue:
        for number in range(5):
            await queue.submit(str(number), priority=1)
        await until(lambda: len(job.ran) == 2)
        await asyncio.sleep(0)
        assert len(job.ran) == 2
        job.gate.set()
        await queue.idle()

    assert len(job.ended) == 5


async def test_a_job_that_raises_is_named_and_the_others_go_on():
    job = Noting()
    job.gate.set()
    async with LocalQueue.open(job, concurrency=1) as queue:
        await queue.submit("bad", priority=1)
        await queue.submit("good", priority=1)
        await queue.idle()

        assert queue.failed == ("bad",)
    assert job.ended == ["good"]


async def test_idle_waits_for_jobs_that_jobs_submit():
    done: list[str] = []

    async def job(key: str, steps: Steps) -> None:
        done.append(key)
        if len(key) < 3:
            await queue.submit(key + "x", priority=1)

    async with LocalQueue.open(job, concurrency=1) as queue:
        await queue.submit("x", priority=1)
        await queue.idle()

    assert done == ["x", "xx", "xxx"]


async def test_closing_cuts_running_jobs_off_and_drops_waiting_ones():
    job = Noting()
    async with LocalQueue.open(job, concurrency=1) as queue:
        await queue.submit("running", priority=1)
        await queue.submit("waiting", priority=1)
        await until(lambda: job.ran == ["running"])

    assert job.ended == []
    assert job.ran == ["running"]


async def test_an_empty_queue_is_idle():
    async with LocalQueue.open(Noting(), concurrency=1) as queue:
        async with asyncio.timeout(1):
            await queue.idle()


async def test_an_error_in_the_block_comes_out():
    with pytest.raises(KeyError):
        async with LocalQueue.open(Noting(), concurrency=1):
            raise KeyError("mine")
