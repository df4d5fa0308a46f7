"""What model turns cost is added up over all investigations, each bill once."""

from __future__ import annotations

import pytest
from tests.storage.given import at

from gcm_sentinel.domain.transcript import Usage
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.migrate import released
from gcm_sentinel.storage.spending import Spending, Spent


@pytest.fixture
def spending(database) -> Spending:
    """The spending records of the database."""
    return Spending(database)


async def record(spending, turn, minute, cost_usd, investigation_id="inc-1.1"):
    """A turn of 110 tokens."""
    usage = Usage(input_tokens=100, cached_tokens=60, output_tokens=10)
    await spending.record(investigation_id, turn, at(minute), usage, cost_usd, "anthropic", "m-1")


async def test_nothing_was_spent_before_the_first_turn(spending):
    assert await spending.since(at(0)) == Spent(0, 0.0, 0)


async def test_tokens_and_money_of_all_investigations_are_added_up(spending):
    await record(spending, 1, 0, 0.25)
    await record(spending, 2, 1, 0.5)
    await record(spending, 1, 2, 1.0, "inc-2.1")

    assert await spending.since(at(0)) == Spent(330, 1.75, 0)


async def test_what_came_before_does_not_count(spending):
    await record(spending, 1, 0, 0.25)
    await record(spending, 2, 1, 0.5)

    assert await spending.since(at(1)) == Spent(110, 0.5, 0)


async def test_a_bill_written_again_counts_once(spending):
    await record(spending, 1, 0, 0.25)
    await record(spending, 1, 0, 0.25)

    assert await spending.since(at(0)) == Spent(110, 0.25, 0)


async def test_a_turn_paid_again_because_its_record_was_lost_counts_twice(spending):
    await record(spending, 1, 0, 0.25)
    await record(spending, 1, 3, 0.5)

    assert await spending.since(at(0)) == Spent(220, 0.75, 0)


async def test_bills_of_an_older_version_are_kept(database_url, clock):
    async with Database.open(database_url, clock=clock, steps=released()[:1]) as old:
        await record(Spending(old), 1, 0, 0.25)

    async with Database.open(database_url, clock=clock) as database:
        await record(Spending(database), 1, 3, 0.5)

        assert await Spending(database).since(at(0)) == Spent(220, 0.75, 0)


async def test_an_unknown_price_counts_as_nothing_and_is_told(spending):
    await record(spending, 1, 0, None)
    await record(spending, 2, 0, 0.5)

    assert await spending.since(at(0)) == Spent(220, 0.5, unpriced_turns=1)
