"""Jobs are handed in once, the most urgent run first, and no more at a time than the kind allows."""

from __future__ import annotations

import asyncio

import pytest
from tests.durable.pieces import KIND, POLL, TEXT, do, ended, opened, until

from gcm_sentinel.clients.durable import DurableConfig, DurableEngine, JobKind, JobState
from gcm_sentinel.domain.errors import BadConfiguration, Bug, Unreachable
from gcm_sentinel.domain.steps import JobQueue, Steps

pytestmark = pytest.mark.slow


class Noting:
    """A job that notes its keys; it waits for `gate` first."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.gate = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, key: str, steps: Steps) -> None:
        """Note the key."""
        self.ran.append(key)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.gate.wait()
        await asyncio.sleep(0.01)
        self.at_once -= 1


async def test_a_key_submitted_twice_is_done_once(url: str):
    job = Noting()
    job.gate.set()
    async with opened(url, job) as engine:
        await do(engine, "k", "k")

        assert await do(engine, "k") == (JobState.DONE,)

    assert job.ran == ["k"]


async def test_a_finished_key_stays_finished_over_restarts(sqlite_url: str):
    job = Noting()
    job.gate.set()
    async with opened(sqlite_url, job) as engine:
        await do(engine, "k")
    async with opened(sqlite_url, job) as engine:
        await do(engine, "k", "other")

    assert job.ran == ["k", "other"]


async def test_the_most_urgent_waiting_job_goes_first(url: str):
    job = Noting()
    async with opened(url, JobKind(job, concurrency=1)) as engine:
        queue = engine.queue(KIND)
        await queue.submit("first", priority=5)
        await until(lambda: bool(job.ran))
        for key, priority in (("low", 100), ("middle", 10), ("high", 1), ("also middle", 10)):
            await queue.submit(key, priority=priority)
        job.gate.set()
        await ended(engine, "low", "middle", "high", "also middle")

    assert job.ran[:2] == ["first", "high"]
    assert job.ran[-1] == "low"


async def test_no_more_run_at_once_than_the_kind_allows(sqlite_url: str):
    job = Noting()
    job.gate.set()
    async with opened(sqlite_url, JobKind(job, concurrency=3)) as engine:
        await do(engine, *(f"k{number}" for number in range(12)))

    assert len(job.ran) == 12
    assert 1 < job.most_at_once <= 3


async def test_kinds_have_queues_of_their_own(sqlite_url: str):
    slow, quick = Noting(), Noting()
    quick.gate.set()
    jobs = {KIND: JobKind(slow, concurrency=1), "delivery": JobKind(quick, concurrency=1)}
    async with DurableEngine.open(DurableConfig(sqlite_url, "a", "1", poll=POLL), jobs) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await engine.queue("delivery").submit("k", priority=1)
        await until(lambda: bool(quick.ran and slow.ran))

        assert await engine.counts(KIND) == {JobState.RUNNING: 1}
        with pytest.raises(Bug, match="no job kind 'deliveries'"):
            engine.queue("deliveries")


async def test_a_job_may_submit_jobs_of_another_kind(url: str):
    delivered: list[str] = []

    async def investigate(key: str, steps: Steps) -> None:
        async def owe() -> str:
            await deliveries.submit(key, priority=1)
            return "owed"

        await steps.run("owe", owe, TEXT)

    async def deliver(key: str, steps: Steps) -> None:
        delivered.append(key)

    jobs = {KIND: JobKind(investigate, concurrency=1), "delivery": JobKind(deliver, concurrency=1)}
    async with DurableEngine.open(DurableConfig(url, "a", "1", poll=POLL), jobs) as engine:
        deliveries: JobQueue = engine.queue("delivery")
        assert await do(engine, "k") == (JobState.DONE,)
        await until(lambda: delivered == ["k"])


async def test_a_job_never_submitted_has_no_status(sqlite_url: str):
    async with opened(sqlite_url, Noting()) as engine:
        assert await engine.status(KIND, "k") is None


async def test_a_status_says_who_runs_a_job_and_how_often_it_was_started(postgres_url: str):
    job = Noting()
    async with opened(postgres_url, job, executor="pod-7") as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await until(lambda: bool(job.ran))
        record = await engine.status(KIND, "k")

    assert record is not None
    assert (record.key, record.state, record.executor_id, record.starts) == ("k", JobState.RUNNING, "pod-7", 1)


@pytest.mark.parametrize("kind", ["", "a:b"])
async def test_a_kind_needs_a_usable_name(sqlite_url: str, kind: str):
    config = DurableConfig(sqlite_url, "a", "1")
    with pytest.raises(BadConfiguration, match="name without a colon"):
        async with DurableEngine.open(config, {kind: JobKind(Noting(), concurrency=1)}):
            pass


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        ("sqlite://", BadConfiguration, "in memory"),
        ("sqlite:////no/such/folder/x.db", BadConfiguration, "folder"),
        ("mysql://u@h/d", BadConfiguration, "no durable queue on 'mysql'"),
        ("not a url", BadConfiguration, "cannot be read"),
        ("postgresql://nobody@127.0.0.1:1/x", Unreachable, "prepare the durable queue"),
    ],
)
async def test_a_database_that_cannot_be_used_is_said(bad: str, kind: type[Exception], words: str):
    with pytest.raises(kind, match=words):
        async with opened(bad, Noting()):
            pass
