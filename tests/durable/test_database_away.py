"""While the database is away submitting says so at once, the health page says why, and running jobs wait and go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import psycopg
import pytest
from structlog.testing import capture_logs
from tests.durable.pieces import KIND, TEXT, Halting, ended, opened, until
from tests.postgres import PostgresServer

from gcm_sentinel.clients.durable import JobState, database, health
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.steps import Steps

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of the module's own, to be stopped and started."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def away_url(server: PostgresServer) -> str:
    """A database on it that keeps what it committed, though the server is stopped the hard way."""
    name = server.create_database()
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on".encode())
    return server.url(name)


@asynccontextmanager
async def stopped(server: PostgresServer) -> AsyncIterator[None]:
    """The server is away inside the block."""
    await asyncio.to_thread(server.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


async def test_submitting_says_that_the_database_is_away(server: PostgresServer, away_url: str):
    async with opened(away_url, Halting(("turn",))) as engine:
        async with stopped(server):
            with pytest.raises(Unreachable, match="submit investigation 'k'"):
                await engine.queue(KIND).submit("k", priority=1)

        await engine.queue(KIND).submit("k", priority=1)
        assert await ended(engine, "k") == (JobState.DONE,)


async def test_the_problem_is_said_until_the_database_is_back(server: PostgresServer, away_url: str):
    async with opened(away_url, Halting(())) as engine:
        assert engine.problem is None
        async with stopped(server):
            await until(lambda: engine.problem is not None, "a problem")
            assert "cannot reach the durable queue's database" in str(engine.problem)

        await until(lambda: engine.problem is None, "the end of the problem")


async def test_a_job_whose_step_ends_while_it_is_away_goes_on_when_it_is_back(server: PostgresServer, away_url: str):
    worked: list[str] = []
    in_work, go_on = asyncio.Event(), asyncio.Event()

    async def job(key: str, steps: Steps) -> None:
        async def work() -> str:
            worked.append(key)
            in_work.set()
            await go_on.wait()
            return "done"

        await steps.run("turn", work, TEXT)
        await steps.run("tool", work, TEXT)

    async with opened(away_url, job) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await in_work.wait()
        async with stopped(server):
            go_on.set()
            await until(lambda: engine.problem is not None, "a problem")

        assert await ended(engine, "k") == (JobState.DONE,)
    assert worked == ["k", "k"]  # each of the two steps once


async def test_closing_does_not_wait_for_the_database(server: PostgresServer, away_url: str):
    job = Halting(("turn", "tool"), halt_before="tool")
    with capture_logs() as logs:
        async with AsyncExitStack() as until_closed, opened(away_url, job) as engine:
            await engine.queue(KIND).submit("k", priority=1)
            await job.halted.wait()
            await until_closed.enter_async_context(stopped(server))

    assert "jobs.not_handed_back" in {log["event"] for log in logs}
    resumed = Halting(("turn", "tool"))
    async with opened(away_url, resumed) as engine:
        assert await ended(engine, "k") == (JobState.DONE,)
    assert resumed.worked == ["tool"]


async def test_a_job_that_nobody_runs_though_it_is_said_to_run_is_queued_again(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(health, "SWEEP_PINGS", 1)
    job = Halting(("turn",), halt_before="turn")
    with capture_logs() as logs:
        async with opened(url, job) as engine:
            await engine.queue(KIND).submit("k", priority=1)
            await job.halted.wait()
            lost = next(task for task in asyncio.all_tasks() if "_execute_workflow" in repr(task.get_coro()))
            job.go_on.set()
            lost.cancel()

            assert await ended(engine, "k") == (JobState.DONE,)

    assert [log["workflow"] for log in logs if log["event"] == "job.found_without_runner"] == [f"{KIND}:k"]


async def test_a_slow_answer_is_an_answer_missed(sqlite_url: str, monkeypatch: pytest.MonkeyPatch):
    async with opened(sqlite_url, Halting(())) as engine:
        monkeypatch.setattr(database, "DEADLINE", timedelta(0))
        with pytest.raises(Unreachable, match="no answer within 0 s"):
            await engine.queue(KIND).submit("k", priority=1)
