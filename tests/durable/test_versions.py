"""Work begun by another version of the code is begun anew; work of the same version keeps its steps."""

from __future__ import annotations

import pytest
from tests.durable.pieces import KIND, Halting, cut_off, ended, opened

from gcm_sentinel.clients.durable import JobKind, JobState, health
from gcm_sentinel.clients.durable.database import connect, dispose
from gcm_sentinel.clients.durable.ledger import RESTARTING, Ledger
from gcm_sentinel.domain.errors import Unreachable

OLD = ("turn", "tool", "publish")
NEW = ("plan", "turn", "publish")


async def test_a_job_begun_by_another_version_is_begun_anew(url: str):
    await cut_off(url, Halting(OLD, halt_before="publish"))

    renewed = Halting(NEW)
    async with opened(url, renewed, version="2") as engine:
        assert await ended(engine, "k") == (JobState.DONE,)

    assert renewed.worked == list(NEW)


async def test_a_job_that_only_waited_runs_under_the_new_version(sqlite_url: str):
    job = Halting(OLD, halt_before="turn")
    async with opened(sqlite_url, JobKind(job, concurrency=1)) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await job.halted.wait()
        await engine.queue(KIND).submit("waiting", priority=1)

    renewed = Halting(NEW)
    async with opened(sqlite_url, renewed, version="2") as engine:
        assert await ended(engine, "k", "waiting") == (JobState.DONE, JobState.DONE)
        record = await engine.status(KIND, "waiting")

    assert record is not None
    assert record.starts == 1


async def test_a_kind_may_keep_a_version_of_its_own(sqlite_url: str):
    def kind(job: Halting) -> JobKind:
        return JobKind(job, concurrency=1, version="deliveries 1")

    halting = Halting(OLD, halt_before="publish")
    async with opened(sqlite_url, kind(halting)) as engine:
        await engine.queue(KIND).submit("k", priority=1)
        await halting.halted.wait()

    resumed = Halting(OLD)
    async with opened(sqlite_url, kind(resumed), version="2") as engine:
        await ended(engine, "k")

    assert resumed.worked == ["publish"]


async def test_a_job_left_half_set_back_is_set_back_in_the_end(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "SWEEP_PINGS", 1)
    await cut_off(url, Halting(OLD, halt_before="publish"))
    database = connect(url)
    client = Ledger(database)._client
    await client.update_workflow_attributes_async(f"{KIND}:k", {RESTARTING: True})
    await client.cancel_workflow_async(f"{KIND}:k")
    dispose(database)

    renewed = Halting(NEW)
    async with opened(url, renewed, version="2") as engine:
        assert await ended(engine, "k") == (JobState.DONE,)
    assert renewed.worked == list(NEW)


async def test_a_job_that_could_not_be_set_back_is_tried_again(sqlite_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "SWEEP_PINGS", 1)
    await cut_off(sqlite_url, Halting(OLD, halt_before="publish"))
    restart, tried = Ledger.restart, []

    async def fail_at_first(self: Ledger, kind: str, key: str) -> None:
        tried.append(key)
        if len(tried) == 1:
            raise Unreachable("the database is away")
        await restart(self, kind, key)

    monkeypatch.setattr(Ledger, "restart", fail_at_first)
    renewed = Halting(NEW)
    async with opened(sqlite_url, renewed, version="2") as engine:
        assert await ended(engine, "k") == (JobState.DONE,)
    assert renewed.worked == list(NEW)


async def test_a_job_stopped_by_hand_stays_stopped(sqlite_url: str):
    await cut_off(sqlite_url, Halting(OLD, halt_before="publish"))
    database = connect(sqlite_url)
    await Ledger(database)._client.cancel_workflow_async(f"{KIND}:k")
    dispose(database)

    renewed = Halting(NEW)
    async with opened(sqlite_url, renewed, version="2") as engine:
        assert await ended(engine, "k") == (JobState.CANCELLED,)
    assert renewed.worked == []
