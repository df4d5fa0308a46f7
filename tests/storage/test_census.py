"""The counts behind the gauges tell one moment of everything that waits."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update
from structlog.testing import capture_logs
from tests.storage.deciding import ids_of, observed
from tests.storage.given import NOW, Given, at, finished

from gcm_sentinel.domain.incident_record import IncidentState, TriggerState, Urgency
from gcm_sentinel.domain.triage_changes import Move, RuleOn
from gcm_sentinel.storage.census import take_census
from gcm_sentinel.storage.codecs import forget_reports
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.investigations import Investigations
from gcm_sentinel.storage.schema import incidents


async def test_of_an_empty_database_only_the_size_is_not_nothing(database):
    census = await take_census(database)

    assert (census.open_incidents, census.pending_triggers, census.owed) == ({}, 0, {})
    assert (census.oldest_pending, census.oldest_owed) == (None, None)
    assert census.size_bytes > 0


async def test_incidents_are_counted_by_state_and_urgency_but_for_closed_ones(triage, database):
    for number in range(4):
        await triage.open(f"inc-{number}", observed(node=f"gpu-{number}"))
    await triage.decide(
        Move("inc-0", IncidentState.CLOSED, NOW, reason="recovered"),
        Move("inc-1", IncidentState.RECOVERING, NOW, quiet_since=NOW),
    )

    assert (await take_census(database)).open_incidents == {
        (IncidentState.OPEN, Urgency.WARNING): 2,
        (IncidentState.RECOVERING, Urgency.WARNING): 1,
    }


async def test_triggers_count_until_they_are_looked_at(triage, database, clock):
    await triage.tell(observed())
    await triage.decide(RuleOn(ids_of((await triage.look()).pending), TriggerState.HELD, "cool-down", at(60)))
    clock.move(timedelta(minutes=1))
    await triage.tell(observed(node="gpu-2"))
    clock.move(timedelta(minutes=1))
    await triage.tell(observed(node="gpu-3"))

    census = await take_census(database)

    assert (census.pending_triggers, census.oldest_pending) == (2, at(1))


async def test_deliveries_count_by_sink_until_they_arrive(database, clock):
    given, investigations = Given(database), Investigations(database)
    await given.incident()
    for revision in (1, 2):
        await given.investigation(revision=revision, state="running")
        await investigations.finish(f"inc-1.{revision}", finished(notifiers=("event", "webhook")))
        clock.move(timedelta(minutes=1))
    await Deliveries(database).delivered("inc-1.1", "event", NOW)
    await Deliveries(database).given_up("inc-1.1", "webhook", "no")

    census = await take_census(database)

    assert (census.owed, census.oldest_owed) == ({"event": 1, "webhook": 1}, at(1))


async def test_a_damaged_incident_is_left_out_of_the_count(triage, database):
    await triage.open("inc-1", observed())
    await triage.open("inc-2", observed(node="gpu-2"))
    async with database.writing() as connection:
        await connection.execute(update(incidents).where(incidents.c.id == "inc-1").values(state="asleep"))

    forget_reports()
    with capture_logs() as logs:
        census = await take_census(database)

    assert census.open_incidents == {(IncidentState.OPEN, Urgency.WARNING): 1}
    assert [entry["event"] for entry in logs] == ["storage.row_damaged"]
