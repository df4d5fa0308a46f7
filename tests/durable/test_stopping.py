"""Draining lets running jobs end; what did not end in time is resumed by the next start."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.durable.pieces import KIND, POLL, Halting, cut_off, ended, opened, until

from gcm_sentinel.clients.durable import DurableConfig, DurableEngine, JobKind, JobState
from gcm_sentinel.domain.errors import Bug

STEPS = ("turn", "tool", "publish")


async def test_draining_waits_for_the_running_job(sqlite_url: str):
    job = Halting(STEPS, halt_before="tool")
    async with opened(sqlite_url, job) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await job.halted.wait()
        asyncio.get_running_loop().call_later(0.1, job.go_on.set)

        assert await engine.drain(timedelta(seconds=30)) == frozenset()
        assert await ended(engine, "k") == (JobState.DONE,)


async def test_draining_begins_no_waiting_job(sqlite_url: str):
    job = Halting(STEPS, halt_before="tool")
    async with opened(sqlite_url, JobKind(job, concurrency=1)) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await job.halted.wait()
        await engine.queue(KIND).submit("later", priority=1)
        job.go_on.set()
        await engine.drain(timedelta(seconds=30))

        assert job.worked == list(STEPS)
        assert await engine.counts(KIND) == {JobState.WAITING: 1}


async def test_a_job_that_did_not_end_in_time_is_named_and_resumed_at_its_lost_step(url: str):
    job = Halting(STEPS, halt_before="tool")
    async with opened(url, job) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await job.halted.wait()
        assert await engine.drain(timedelta(milliseconds=50)) == {f"{KIND}:k"}

    resumed = Halting(STEPS)
    async with opened(url, resumed) as engine:
        assert await ended(engine, "k") == (JobState.DONE,)

    assert resumed.worked == ["tool", "publish"]


async def test_another_process_goes_on_with_what_a_stopped_one_handed_back(postgres_url: str):
    await cut_off(postgres_url, Halting(STEPS, halt_before="publish"))

    resumed = Halting(STEPS)
    async with opened(postgres_url, resumed, executor="b") as engine:
        assert await ended(engine, "k") == (JobState.DONE,)

    assert resumed.worked == ["publish"]


async def test_a_second_engine_in_the_same_process_is_refused(sqlite_url: str):
    async with opened(sqlite_url, Halting(())):
        with pytest.raises(Bug, match="already open in this process"):
            async with opened(sqlite_url, Halting(())):
                pass


async def test_threads_work_as_before_once_an_engine_was_closed(sqlite_url: str):
    async with opened(sqlite_url, Halting(())):
        pass

    assert await asyncio.to_thread(lambda: "works") == "works"


async def test_an_error_inside_the_block_comes_out_as_it_is(sqlite_url: str):
    with pytest.raises(KeyError, match="mine"):
        async with opened(sqlite_url, Halting(())):
            raise KeyError("mine")


async def test_an_error_inside_the_block_hands_the_jobs_back_too(postgres_url: str):
    async def fail_with_a_running_job() -> None:
        job = Halting(STEPS, halt_before="tool")
        async with opened(postgres_url, job) as engine:
            await engine.queue(KIND).submit("k", priority=1)
            await job.halted.wait()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail_with_a_running_job()

    async with opened(postgres_url, Halting(STEPS), executor="b") as engine:
        assert await ended(engine, "k") == (JobState.DONE,)


async def test_a_job_is_told_of_the_stop_by_cancellation(sqlite_url: str):
    told = asyncio.Event()
    began = asyncio.Event()

    async def job(key: str, steps: object) -> None:
        began.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            told.set()

    async with opened(sqlite_url, job) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await until(began.is_set)

    assert told.is_set()


async def test_a_cancelled_job_is_not_gone_on_with_by_a_later_start(url: str):
    await cut_off(url, Halting(STEPS, halt_before="publish"))
    config = DurableConfig(url=url, executor_id="a", version="1", poll=POLL)
    async with DurableEngine.open(config, {"another kind": JobKind(Halting(STEPS), concurrency=1)}) as engine:
        await engine.cancel(KIND, "k")
        await engine.cancel(KIND, "unknown")

    resumed = Halting(STEPS)
    async with opened(url, resumed) as engine:
        await engine.queue(KIND).submit("next", priority=1)

        assert await ended(engine, "k", "next") == (JobState.CANCELLED, JobState.DONE)
    assert resumed.worked == list(STEPS)
