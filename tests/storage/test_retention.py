"""What is thrown away is old or too much, belongs to closed incidents, and leaves nothing of itself behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, update
from structlog.testing import capture_logs
from tests.storage.given import NOW, XID, Closing, Given, evidence, finished, trigger

from gcm_sentinel.domain.action_record import ActionRecord, Approval
from gcm_sentinel.domain.operations import Operation
from gcm_sentinel.domain.order import ActionTarget, Order
from gcm_sentinel.domain.transcript import Usage
from gcm_sentinel.storage.actions import Actions
from gcm_sentinel.storage.approvals import Approvals
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.evidence import StoredEvidence
from gcm_sentinel.storage.investigations import Investigations
from gcm_sentinel.storage.retention import Pruned, prune
from gcm_sentinel.storage.schema import blobs, incidents, investigations, metadata, symptoms
from gcm_sentinel.storage.schema import triggers as triggers_table
from gcm_sentinel.storage.spending import Spending

KEEP = timedelta(days=90)
OLD, YOUNG = NOW - timedelta(days=91), NOW - timedelta(days=1)
PLENTY = 10**9


class Kept:
    """Writes incidents that went their whole way, and counts what is left."""

    def __init__(self, database) -> None:
        self._database = database
        self._given = Given(database)

    async def incident(self, incident_id: str, closed_at: Any = None, *, raw: str = "", state: str = "running") -> None:
        """One with evidence, a transcript, an assessment, costs, an action and an approval; delivered."""
        await self._given.incident(incident_id, closed=Closing(closed_at) if closed_at else None)
        key = await self._given.investigation(incident_id, state=state)
        piece = evidence(raw=raw or f"the log of {incident_id}")
        await StoredEvidence(self._database).put(key, piece)
        if state == "running":
            await Investigations(self._database).finish(key, finished(pieces=(piece,)))
            await Deliveries(self._database).delivered(key, "log", NOW)
        await Spending(self._database).record(key, 1, closed_at or NOW, Usage(1, 0, 1), 0.1, "e", "m")
        order = Order(Operation.CORDON_NODE, ActionTarget("node", "gpu-7", "u"), incident_id, key)
        action = ActionRecord(order, "approve", NOW)
        await Actions(self._database).propose([action])
        await Approvals(self._database).ask(Approval(incident_id, incident_id, action.id, "d", NOW, NOW))

    async def prune(self, max_evidence_bytes: int = PLENTY) -> Pruned:
        """Throw away what is to be thrown away now."""
        return await prune(self._database, NOW, keep=KEEP, max_evidence_bytes=max_evidence_bytes)

    async def ids(self) -> list[str]:
        """The incidents that are left."""
        async with self._database.reading() as connection:
            return list(await connection.scalars(select(incidents.c.id).order_by(incidents.c.id)))

    async def rows(self) -> dict[str, int]:
        """How many rows each table has that has any."""
        async with self._database.reading() as connection:
            counts = {
                name: await connection.scalar(select(func.count()).select_from(table))
                for name, table in metadata.tables.items()
            }
        return {name: count for name, count in counts.items() if count and name != "schema_version"}

    async def with_bodies(self) -> list[str]:
        """The investigations whose evidence and transcript are left."""
        async with self._database.reading() as connection:
            ids = list(await connection.scalars(select(investigations.c.id).order_by(investigations.c.id)))
        whole = [await Investigations(self._database).get(key) for key in ids]
        return [found.record.id for found in whole if found and found.evidence and found.transcript]


@pytest.fixture
def kept(database) -> Kept:
    """What is in the database."""
    return Kept(database)


@pytest.fixture
async def stored_bytes(database):
    """Asks for the size of all bodies."""

    async def stored_bytes_() -> int:
        async with database.reading() as connection:
            return int(await connection.scalar(select(func.sum(blobs.c.stored_bytes))) or 0)

    return stored_bytes_


async def test_an_old_closed_incident_goes_with_everything_of_its(kept):
    await kept.incident("inc-old", OLD)

    done = await kept.prune()

    assert (done.incidents, done.blobs) == (1, 2)
    assert await kept.rows() == {}


async def test_what_is_young_or_open_stays_whole(kept):
    await kept.incident("inc-young", YOUNG)
    await kept.incident("inc-open")
    before = await kept.rows()

    assert await kept.prune() == Pruned()
    assert await kept.rows() == before


@pytest.mark.slow
async def test_many_go_lot_by_lot(kept, database):
    for number in range(120):
        await Given(database).incident(f"inc-{number}", closed=Closing(OLD))

    assert (await kept.prune()).incidents == 120
    assert await kept.ids() == []


@pytest.mark.parametrize("state", ["wanted", "queued", "running"])
async def test_an_old_one_that_is_being_investigated_stays(state, kept, database):
    await Given(database).incident("inc-1", closed=Closing(OLD))
    await Given(database).investigation("inc-1", state=state)

    await kept.prune(0)

    assert await kept.ids() == ["inc-1"]


async def test_an_old_one_that_is_still_owed_to_a_sink_stays_whole(kept, database):
    await Given(database).incident("inc-1", closed=Closing(OLD))
    key = await Given(database).investigation("inc-1", state="running")
    await StoredEvidence(database).put(key, evidence())
    await Investigations(database).finish(key, finished(pieces=(evidence(),)))

    await kept.prune(0)

    assert await kept.with_bodies() == ["inc-1.1"]


async def test_a_body_that_a_younger_incident_names_too_stays(kept):
    await kept.incident("inc-old", OLD, raw="the same log")
    await kept.incident("inc-young", YOUNG, raw="the same log")

    await kept.prune()

    assert await kept.with_bodies() == ["inc-young.1"]


async def test_old_triggers_of_no_incident_go_and_what_is_wrong_now_stays(kept, database):
    given = Given(database)
    old = [replace(trigger(f"gpu-{number}"), observed_at=OLD) for number in range(4)]
    for item, state in zip(old, ("refused", "noted", "held", "pending"), strict=True):
        await given.triggers([item], incident_id=None, state=state)
    await given.triggers([trigger("gpu-9")], incident_id=None, state="refused")
    bad = {"node_uid": "", "gpu_uuid": "", "status": "problem", "since": 0, "observed_at": 0, "source": "kubernetes"}
    async with database.writing() as connection:
        await connection.execute(insert(symptoms), {**bad, "node": "gpu-0", "kind": XID})

    assert (await kept.prune()).triggers == 2

    async with database.reading() as connection:
        states = list(await connection.scalars(select(triggers_table.c.state).order_by(triggers_table.c.node)))
    assert states == ["held", "pending", "refused"]
    assert (await kept.rows())["symptoms"] == 1


async def test_old_evidence_that_was_gathered_by_hand_goes(kept, database, clock):
    clock.moment = OLD
    await StoredEvidence(database).put("manual-1.1", evidence())

    await kept.prune()

    assert await kept.rows() == {}


async def test_too_much_takes_the_bodies_of_the_oldest_and_leaves_their_rows(kept, stored_bytes):
    for number, age in enumerate((3, 2, 1)):
        await kept.incident(f"inc-{number}", NOW - timedelta(days=age))
    everything = await stored_bytes()

    done = await kept.prune(everything - 10)

    assert (done.emptied, done.incidents) == (1, 0)
    assert await kept.with_bodies() == ["inc-1.1", "inc-2.1"]
    assert await kept.ids() == ["inc-0", "inc-1", "inc-2"]
    assert await stored_bytes() <= everything - 10


async def test_room_is_made_only_where_it_helps(kept, stored_bytes):
    await kept.incident("inc-0", NOW - timedelta(days=3), raw="shared")
    await kept.incident("inc-1", NOW - timedelta(days=2), raw="not shared")
    await kept.incident("inc-2", raw="shared")

    await kept.prune(await stored_bytes() - 600)

    assert "inc-2.1" in await kept.with_bodies()


async def test_what_is_open_stays_however_much_it_is(kept, stored_bytes):
    await kept.incident("inc-closed", YOUNG)
    await kept.incident("inc-open")

    with capture_logs() as logs:
        await kept.prune(0)

    assert await kept.with_bodies() == ["inc-open.1"]
    assert [entry["event"] for entry in logs] == ["storage.over_limit", "storage.pruned"]


async def test_emptying_again_finds_nothing_to_do(kept, stored_bytes):
    await kept.incident("inc-closed", YOUNG)
    await kept.prune(0)

    assert await kept.prune(0) == Pruned()
    assert await stored_bytes() == 0


async def test_a_body_that_is_stored_again_while_it_is_swept_stays(kept, database):
    """Between looking for bodies nobody names and deleting them, another investigation names one."""
    await StoredEvidence(database).put("inc-1.1", evidence(raw="left behind"))
    await StoredEvidence(database).put("inc-1.1", evidence(raw="other"))
    again = {"puts": blobs.c.puts + 1}

    def store_again(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("DELETE FROM") and "blobs" in statement:
            connection.execute(update(blobs).values(again))

    engine = database._writer.sync_engine
    event.listen(engine, "before_cursor_execute", store_again)
    done = await kept.prune()

    assert done.blobs == 0
    assert (await kept.rows())["blobs"] == 2
