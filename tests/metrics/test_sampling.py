"""What the database and the queues hold, as gauges."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.metrics.sampler import Sampled, Sampler
from gcm_sentinel.clients.durable.config import JobState
from gcm_sentinel.domain.errors import Unreachable
from gcm_sentinel.domain.transcript import Usage
from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.spending import Spending
from gcm_sentinel.storage.triggers import Triggers
from gcm_sentinel.triage.budget import Pools


class Queues:
    """Queues with two waiting investigations."""

    async def counts(self, kind):
        return {JobState.WAITING: 2} if kind == "investigation" else {}


class Watch:
    """A watcher that follows."""

    synced = True
    last_event_at = datetime.now(UTC)
    problem = None
    lists = 1


@pytest.fixture
async def database():
    async with Database.open("sqlite://", clock=SystemClock()) as opened:
        yield opened


@pytest.fixture
def sampler(metrics, database):
    def make(pools=Pools()):  # noqa: B008  a frozen value
        kinds = ("investigation", "delivery")
        sampled = Sampled(database, Spending(database), pools, Queues(), kinds, {"kubernetes": Watch()})
        return Sampler(metrics, sampled, SystemClock())

    return make


async def test_waiting_triggers_are_counted_with_the_age_of_the_oldest(sampler, database, value):
    trigger = Trigger("kubernetes", "gpu-7", "GpuXid", TriggerStatus.PROBLEM, "r", "m", datetime.now(UTC))
    await Triggers(database).store([trigger])

    await sampler().sample()

    assert value("gcm_sentinel_triggers_pending") == 1
    assert 0 <= value("gcm_sentinel_triggers_oldest_pending_age_seconds") < 60


async def test_jobs_watches_and_the_database_are_shown(sampler, value):
    await sampler().sample()

    assert value("gcm_sentinel_queue_jobs", queue="investigation", state="waiting") == 2
    assert value("gcm_sentinel_queue_jobs", queue="delivery", state="running") == 0
    assert value("gcm_sentinel_watch_synced", source="kubernetes") == 1
    assert value("gcm_sentinel_storage_up") == 1
    assert value("gcm_sentinel_storage_size_bytes") > 0


async def test_a_budget_shows_what_the_last_hour_left_of_it(sampler, database, value):
    await Spending(database).record("inc-1.1", 1, datetime.now(UTC), Usage(100, 0, 50), 2.0, "openai", "m")

    await sampler(Pools(usd_per_hour=10.0, tokens_per_day=1000)).sample()

    assert value("gcm_sentinel_budget_left_usd", window="hour", pool="critical") == 8.0
    assert value("gcm_sentinel_budget_left_usd", window="hour", pool="any") == 5.5
    assert value("gcm_sentinel_budget_left_tokens", window="day", pool="critical") == 850
    assert value("gcm_sentinel_budget_left_usd", window="day", pool="any") is None


async def test_a_database_that_is_away_is_shown(sampler, database, value, monkeypatch):
    async def away(_database):
        raise Unreachable("away")

    monkeypatch.setattr("gcm_sentinel.app.metrics.sampler.take_census", away)

    with pytest.raises(Unreachable):
        await sampler().sample()

    assert value("gcm_sentinel_storage_up") == 0
