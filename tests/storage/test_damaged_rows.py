"""One damaged row is reported once and left out; everything else is served as if it were not there."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, select, update
from structlog.testing import capture_logs
from tests.storage.deciding import observed
from tests.storage.given import NOW

from gcm_sentinel.domain.errors import BadResponse
from gcm_sentinel.storage import codecs
from gcm_sentinel.storage.database import Database
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.storage.schema import cooldown_stamps, incidents, symptoms, triggers


@pytest.fixture(autouse=True)
def _nothing_reported_yet():
    """A damaged row of one test must not count as reported in the next."""
    codecs.forget_reports()


async def damage(database, column: Column[str], key: str, **values: object) -> None:
    """Put something we never write into the row whose `column` is `key`."""
    async with database.writing() as connection:
        await connection.execute(update(column.table).where(column == key).values(**values))


async def test_a_damaged_trigger_does_not_stand_in_the_way_of_the_others(triage, database):
    await triage.tell(*(observed(node=f"gpu-{number}") for number in (1, 2, 3)))
    await damage(database, triggers.c.node, "gpu-2", status="on fire")

    with capture_logs() as events:
        seen = await triage.look()

    assert [stored.trigger.node for stored in seen.pending] == ["gpu-1", "gpu-3"]
    assert [(event["event"], event["table"], event["error"]) for event in events] == [
        ("storage.row_damaged", "triggers", "ValueError: 'on fire' is not a valid TriggerStatus")
    ]


async def test_a_damaged_trigger_is_put_aside_with_the_reason(triage, database):
    await triage.tell(observed())
    await damage(database, triggers.c.node, "gpu-1", status="on fire")

    await triage.look()

    async with database.reading() as connection:
        row = (await connection.execute(select(triggers))).one()
    assert (row.state, row.ruling) == ("refused", "this row is damaged")
    assert await triage.store.next_due(NOW) is None


@pytest.mark.parametrize(
    "values",
    [{"nodes": "[1, 2"}, {"kinds": '{"a": 1}'}, {"state": "asleep"}, {"urgency": 9}, {"opened_at": 10**18}],
    ids=["broken-json", "another-shape", "unknown-word", "unknown-number", "no-such-year"],
)
async def test_a_damaged_incident_is_left_out_of_lists_and_decisions(triage, database, values):
    await triage.open("inc-1", observed())
    await triage.open("inc-2", observed(node="gpu-2"))
    await damage(database, incidents.c.id, "inc-1", **values)

    assert [one.id for one in (await triage.look()).incidents] == ["inc-2"]
    assert [row.record.id for row in await Incidents(database).list()] == ["inc-2"]


async def test_asked_for_by_name_a_damaged_incident_is_an_error(triage, database):
    await triage.open("inc-1", observed())
    await damage(database, incidents.c.id, "inc-1", nodes="[1, 2")

    with pytest.raises(BadResponse, match="'inc-1' is damaged"):
        await Incidents(database).get("inc-1")


async def test_a_damaged_symptom_leaves_the_others(triage, database):
    await triage.tell(observed(), observed(node="gpu-2"))
    await damage(database, symptoms.c.node, "gpu-1", status="on fire")

    assert [one.node for one in await triage.triggers.wrong_now("kubernetes")] == ["gpu-2"]
    assert await triage.tell(observed("recovered", changed=5), observed(node="gpu-3")) == 2


async def test_a_damaged_stamp_leaves_the_others(triage, database):
    await triage.open("inc-1", observed(), observed(node="gpu-2"))
    await damage(database, cooldown_stamps.c.node, "gpu-1", urgency=77)
    await triage.tell(observed(changed=5), observed(node="gpu-2", changed=5))

    assert [stamp.node for stamp in (await triage.look()).stamps] == ["gpu-2"]


async def test_a_row_that_is_read_again_and_again_is_reported_once(triage, database):
    await triage.open("inc-1", observed())
    await damage(database, incidents.c.id, "inc-1", state="asleep")

    with capture_logs() as events:
        for _ in range(3):
            await triage.look()

    assert [event["event"] for event in events] == ["storage.row_damaged"]


async def test_text_that_is_no_text_is_shown_as_far_as_it_is(tmp_path, clock):
    """SQLite only: PostgreSQL checks what it stores."""
    async with Database.open(f"sqlite:///{tmp_path}/incidents.db", clock=clock) as opened:
        await _insert_bad_text(opened)
        async with opened.reading() as connection:
            assert await connection.scalar(select(cooldown_stamps.c.node)) == "gpu-\ufffd"


async def _insert_bad_text(opened) -> None:
    async with opened.writing() as connection:
        await connection.exec_driver_sql("INSERT INTO cooldown_stamps VALUES (CAST(x'6770752dff' AS TEXT), 'k', 1, 1)")
