"""What still stands is told whole: of merged incidents too, where an order is damaged, and of very many orders."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from tests.incidents_cli.past import DONE, NODE

from gcm_sentinel.domain.action_record import ActionRecord, ActionState
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.storage.actions import Actions

DAMAGED = "1 order cannot be read: look at the node"
FAILED = (ActionState.APPROVED, ActionState.RUNNING, ActionState.FAILED)


@pytest.fixture
def sql(past, state_dir):
    """Write what no code of ours would."""

    def execute(statement: str) -> None:
        with closing(sqlite3.connect(next(state_dir.glob("*.db")))) as connection, connection:
            connection.execute(statement)

    return execute


async def cordoned(given):
    await given.investigated()
    await given.ordered(*DONE)


def test_a_damaged_order_is_counted_wherever_orders_are_shown(run, past, sql):
    past(cordoned)
    sql("UPDATE actions SET digest = 'x'")

    shown = run("show", "inc-abc123", "--output", "json").json

    assert f"gave back since:\n  {DAMAGED}\n" in run("show", "inc-abc123").out
    assert (shown["orders"], shown["orders_unreadable"]) == ([], 1)
    assert DAMAGED in run("show", "inc-abc123", "--output", "html").out
    assert run("close", "inc-abc123").out == f"inc-abc123 is closed\n{DAMAGED}\n"


def test_the_heir_of_a_merge_tells_what_stands_of_those_it_took_over(run, past, sql):
    async def happen(given):
        await cordoned(given)
        await given.opened("inc-between", node="gpu-r03-n06")
        await given.opened("inc-heir000", node="gpu-r03-n07")

    past(happen)
    sql("UPDATE incidents SET merged_into = 'inc-between' WHERE id = 'inc-abc123'")
    sql("UPDATE incidents SET merged_into = 'inc-heir000' WHERE id = 'inc-between'")

    assert f"kubectl uncordon {NODE}" in run("show", "inc-heir000").out
    assert f"kubectl uncordon {NODE}" in run("close", "inc-heir000").out


def test_incidents_merged_in_a_circle_are_shown_all_the_same(run, past, sql):
    past(cordoned)
    sql("UPDATE incidents SET merged_into = id")

    assert f"kubectl uncordon {NODE}" in run("show", "inc-abc123").out


def test_of_very_many_orders_the_newest_are_shown_and_what_stands_before_all(run, past):
    async def happen(given):
        await cordoned(given)
        now = given._clock.now() + timedelta(minutes=1)
        targets = [ActionTarget("node", f"n{number}", f"uid-{number}") for number in range(205)]
        orders = [Order(Operation.DRAIN_NODE, target, "inc-abc123", "inc-abc123.1", {}, ()) for target in targets]
        later = [now + timedelta(seconds=number) for number in range(205)]
        records = [ActionRecord(order, "approve", at) for order, at in zip(orders, later, strict=True)]
        await Actions(given.database).propose(records)

    past(happen)

    shown = run("show", "inc-abc123", "--output", "json").json
    operations = [order["operation"] for order in shown["orders"]]
    assert (len(operations), operations[0], shown["orders_more"]) == (200, "cordon_node", 6)
    assert shown["orders"][-1]["target"]["name"] == "n204"
    out = run("show", "inc-abc123").out
    assert "Orders (206;" in out
    assert "and 6 older ones" in out


@pytest.mark.parametrize(
    ("operation", "states", "words"),
    [
        (Operation.QUARANTINE_GPU, DONE, "stands until a person gives it back: a REINSTATE directive"),
        (Operation.SCHEDULE_DEEP_TEST, DONE, "stands until it is given back by the gateway, when the test is passed;"),
        (Operation.CONDEMN_GPU, DONE, "stands for good: a condemned GPU is not given back"),
        (Operation.CONDEMN_GPU, FAILED, "may stand for good: a condemned GPU is not given back"),
        (Operation.CONDEMN_GPU, FAILED[:2], "under way; nothing gives it back"),
        (Operation.RESET_GPU, FAILED, "may stand until a person gives it back: deleting what it asked for"),
    ],
)
def test_each_operation_is_given_back_in_its_own_way(run, past, operation, states, words):
    async def happen(given):
        await given.opened()
        await given.ordered(*states, operation=operation)

    past(happen)

    assert f"{operation} on node {NODE}  {words}" in run("show", "inc-abc123").out
