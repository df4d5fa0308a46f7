"""The orders of an incident are those of all that was merged into it, in either database, and no others."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from tests.storage.given import Closing, Given, at

from gcm_sentinel.domain.action_record import ActionRecord, Approval
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.storage.actions import Actions
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.storage.schema import actions as table


@pytest.fixture
async def merged(database):
    """inc-3 was merged into inc-2 and that into inc-1; each, and inc-4, has an order and a question about it."""
    given = Given(database)
    for number, heir in ((1, None), (2, "inc-1"), (3, "inc-2"), (4, None)):
        one = f"inc-{number}"
        await given.incident(one, closed=Closing(at(9), "merged", heir) if heir else None)
        order = Order(Operation.CORDON_NODE, ActionTarget("node", f"gpu-{number}", "uid"), one, f"{one}.1", {}, ())
        record = ActionRecord(order, "approve", at(number))
        await Actions(database).propose([record])
        await Approvals(database).ask(Approval(f"ap-{number}", one, record.id, order.digest, at(number), at(30)))
    return Incidents(database)


async def test_they_come_with_their_questions_the_oldest_first(merged):
    book = await merged.orders("inc-1")

    assert [item.record.order.incident_id for item in book.shown] == ["inc-1", "inc-2", "inc-3"]
    assert [[one.id for one in item.questions] for item in book.shown] == [["ap-1"], ["ap-2"], ["ap-3"]]
    assert (book.count, book.more, book.unreadable) == (3, 0, 0)


async def test_a_damaged_one_is_counted(merged, database):
    async with database.writing() as connection:
        await connection.execute(update(table).where(table.c.incident_id == "inc-3").values(digest="x"))

    book = await merged.orders("inc-1")

    assert (len(book.shown), book.count, book.unreadable) == (2, 3, 1)
    assert book.unreadable_words == "1 order cannot be read: look at the node"


async def test_one_without_orders_has_none(merged):
    assert (await merged.orders("inc-9")).count == 0
