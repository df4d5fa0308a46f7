"""Every transaction is timed at the door of the database, whoever asks for it; what is not answered is counted."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.storage.given import Given, evidence, finished, trigger

from gcm_sentinel.app.clock import SystemClock
from gcm_sentinel.app.stores import IN_MEMORY, open_stores
from gcm_sentinel.domain.errors import Bug, NotFound
from gcm_sentinel.storage.census import take_census

TOOK = "gcm_sentinel_storage_operation_duration_seconds_count"
FAILED = "gcm_sentinel_storage_failures_total"


@pytest.fixture
async def stores(metrics):
    """Repositories over a database that reports to the metrics, an investigation running."""
    async with open_stores(IN_MEMORY, SystemClock()) as opened:
        given = Given(opened.database)
        await given.incident()
        await given.investigation(state="running")
        opened.database.report_to(metrics.storage)
        yield opened


async def test_storing_triggers_is_timed(stores, value):
    await stores.triggers.store([trigger()])

    assert value(TOOK, operation="triggers.store") == 1


async def test_what_an_investigation_stores_is_timed(stores, value):
    await stores.evidence.put("inc-1.1", evidence())
    await stores.investigations.finish("inc-1.1", finished())

    assert value(TOOK, operation="evidence.put") == 1
    assert value(TOOK, operation="investigations.finish") == 1


async def test_what_has_no_name_is_timed_by_its_kind(stores, value):
    await stores.deliveries.get("inc-1.1", "log")
    await take_census(stores.database)

    assert value(TOOK, operation="read") == 1
    assert value(TOOK, operation="census") == 1


async def test_what_the_database_does_not_answer_is_counted_and_not_timed(stores, value):
    with pytest.raises(Bug):
        async with stores.database.reading("broken") as connection:
            await connection.execute(text("SELECT nothing FROM nowhere"))

    assert value(FAILED, error="Bug") == 1
    assert value(TOOK, operation="broken") is None


async def test_what_we_refuse_ourselves_is_no_failure_of_the_database(stores, value):
    with pytest.raises(NotFound):
        await stores.investigations.finish("inc-9.1", finished())

    assert value(FAILED, error="NotFound") is None
