"""A job that fails is said and kept apart; the others go on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from tests.durable.pieces import KIND, Halting, cut_off, do, ended, opened

from gcm_sentinel.clients.durable import JobState, runtime
from gcm_sentinel.domain.errors import NotFound
from gcm_sentinel.domain.steps import Steps

pytestmark = pytest.mark.slow

LONG_AGO = datetime.now(UTC) - timedelta(days=1)


async def fails(key: str, steps: Steps) -> None:
    """Raises for keys that begin with ``bad``."""
    if key.startswith("bad"):
        raise NotFound(f"no incident {key!r}")


async def test_a_job_that_raises_has_failed_and_the_next_runs(sqlite_url: str):
    with capture_logs() as logs:
        async with opened(sqlite_url, fails) as engine:
            assert await do(engine, "bad", "good") == (JobState.FAILED, JobState.DONE)

    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["job.failed"]


async def test_a_failed_job_is_not_tried_again(sqlite_url: str):
    async with opened(sqlite_url, fails) as engine:
        await do(engine, "bad")
    async with opened(sqlite_url, fails) as engine:
        await engine.queue(KIND).submit("bad", priority=1)
        await do(engine, "good")

        record = await engine.status(KIND, "bad")

    assert record is not None
    assert (record.state, record.starts) == (JobState.FAILED, 1)


async def test_failed_jobs_can_be_listed(url: str):
    async with opened(url, fails) as engine:
        await do(engine, "good", "bad 1", "bad 2")

        failed = await engine.ended(KIND, [JobState.FAILED], LONG_AGO)

        assert {record.key for record in failed} == {"bad 1", "bad 2"}
        assert await engine.ended(KIND, [JobState.FAILED], datetime.now(UTC) + timedelta(days=1)) == ()


async def test_a_job_that_ends_as_cancelled_by_itself_has_failed(sqlite_url: str):
    async def job(key: str, steps: Steps) -> None:
        raise asyncio.CancelledError

    async with opened(sqlite_url, job) as engine:
        assert await do(engine, "k") == (JobState.FAILED,)


async def test_a_job_started_too_often_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime, "MAX_RESTARTS", 2)
    for _ in range(3):
        await cut_off(url, Halting(("turn",), halt_before="turn"))

    with capture_logs() as logs:
        async with opened(url, fails) as engine:
            assert await ended(engine, "k") == (JobState.GIVEN_UP,)
            given_up = await engine.ended(KIND, [JobState.GIVEN_UP], LONG_AGO)
            await engine.queue(KIND).submit("k", priority=1)
            assert await do(engine, "good") == (JobState.DONE,)

    assert [record.key for record in given_up] == ["k"]
    assert any("exceeded its maximum of 2" in log.get("message", "") for log in logs)
