"""The record of jobs that ended long ago is deleted; nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.durable.pieces import KIND, Halting, do, opened
from tests.durable.test_failing_jobs import fails

from gcm_sentinel.clients.durable import JobState, ledger
from gcm_sentinel.clients.durable.database import connect

pytestmark = pytest.mark.slow

SOON = timedelta(days=1)


async def test_ended_jobs_are_forgotten_in_batches(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger, "BATCH", 3)
    async with opened(url, fails) as engine:
        await do(engine, "bad", *(f"k{number}" for number in range(7)))

        assert await engine.forget(datetime.now(UTC) + SOON) == 8

        assert await engine.status(KIND, "k1") is None
        assert await engine.status(KIND, "bad") is None


async def test_their_steps_leave_no_rows_behind(sqlite_url: str):
    async with opened(sqlite_url, Halting(("turn", "tool"))) as engine:
        await do(engine, "k")
        await engine.forget(datetime.now(UTC) + SOON)

    with connect(sqlite_url).connect() as connection:
        for table in ("workflow_status", "operation_outputs", "workflow_input", "workflow_output"):
            assert connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar() == 0  # noqa: S608 - our words


async def test_recent_running_and_waiting_jobs_are_kept(sqlite_url: str):
    job = Halting(("turn",))
    async with opened(sqlite_url, job) as engine:
        await do(engine, "done")
    job = Halting(("turn",), halt_before="turn")
    async with opened(sqlite_url, job) as engine:
        await engine.queue(KIND).submit("running", priority=1)
        await job.halted.wait()

        assert await engine.forget(datetime.now(UTC) - SOON) == 0
        assert await engine.forget(datetime.now(UTC) + SOON) == 1

        assert await engine.counts(KIND) == {JobState.RUNNING: 1}
