"""How an investigation ended is stored once and as a whole, together with what is owed for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update
from structlog.testing import capture_logs
from tests.storage.given import NOW, SPEND, Given, assessment, at, evidence, failed, finished, transcript, trigger

from gcm_sentinel.domain.assessment import Outcome, Severity
from gcm_sentinel.domain.errors import Bug, NotFound
from gcm_sentinel.domain.incident_record import InvestigationState
from gcm_sentinel.domain.transcript import Usage
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.evidence import StoredEvidence
from gcm_sentinel.storage.investigations import Investigations, StoredInvestigation
from gcm_sentinel.storage.schema import blobs
from gcm_sentinel.storage.schema import investigations as table
from gcm_sentinel.storage.spending import Spending


@pytest.fixture
def investigations(database) -> Investigations:
    """The investigations of the database."""
    return Investigations(database)


@pytest.fixture
async def given(database) -> Given:
    """One incident whose first investigation runs."""
    rows = Given(database)
    await rows.incident()
    await rows.investigation(state="running")
    return rows


async def stored(investigations, investigation_id="inc-1.1") -> StoredInvestigation:
    """One that must be there."""
    found: StoredInvestigation | None = await investigations.get(investigation_id)
    assert found is not None
    return found


async def test_everything_of_it_comes_back(investigations, given, database):
    pieces = (evidence("E1"), evidence("E2", raw="whole\n" * 5000))
    for piece in pieces:
        await StoredEvidence(database).put("inc-1.1", piece)

    await investigations.finish("inc-1.1", finished(pieces=pieces))

    found = await stored(investigations)
    assert found.assessment == assessment()
    assert found.transcript == transcript(*pieces)
    assert found.evidence == pieces


async def test_lists_show_what_it_concluded(investigations, given):
    await investigations.finish("inc-1.1", finished())

    record = (await stored(investigations)).record
    assert (record.state, record.outcome, record.severity) == (
        InvestigationState.DONE,
        Outcome.CONCLUDED,
        Severity.CRITICAL,
    )
    assert (record.fault_class, record.action, record.confidence) == ("gpu_off_bus", "drain", 0.9)
    assert (record.engine, record.model, record.spend, record.ended_at) == ("playbook", "p-1", SPEND, NOW)
    assert record.note == "the playbook engine stood in"


async def test_the_incident_shows_its_newest_assessment(investigations, given):
    await investigations.finish("inc-1.1", replace(finished(), stand_in=True))

    incident = await given.incident_row()
    assert (incident["severity"], incident["stand_in"], incident["failures"]) == ("critical", 1, 0)


@pytest.mark.parametrize(("lost", "total"), [(0.25, 0.75), (None, None)], ids=["known", "unknown"])
async def test_its_cost_holds_turns_that_were_paid_and_lost(investigations, given, database, lost, total):
    recorded = replace(SPEND, rounds=2, cost_usd=0.5)
    for turn, minute, cost_usd in ((1, 0, 0.1), (2, 1, lost), (2, 2, 0.4)):
        bill = (Usage(100, 60, 10), cost_usd, "anthropic", "m-1")
        await Spending(database).record("inc-1.1", turn, at(minute), *bill)

    done = replace(finished(), assessment=replace(assessment(), spend=recorded))
    await investigations.finish("inc-1.1", done)

    found = await stored(investigations)
    whole = replace(
        recorded,
        input_tokens=recorded.input_tokens + 100,
        cached_tokens=recorded.cached_tokens + 60,
        output_tokens=recorded.output_tokens + 10,
        cost_usd=total,
    )
    assert found.record.spend == whole
    assert found.assessment == replace(assessment(), spend=whole)


async def test_turns_beyond_the_recorded_ones_were_paid_as_well(investigations, given, database):
    recorded = replace(SPEND, rounds=1, cost_usd=0.5)
    for turn, cost_usd in ((1, 0.5), (2, 0.25)):
        await Spending(database).record("inc-1.1", turn, at(turn), Usage(100, 60, 10), cost_usd, "anthropic", "m-1")

    await investigations.finish("inc-1.1", replace(finished(), assessment=replace(assessment(), spend=recorded)))

    spend = (await stored(investigations)).record.spend
    assert spend is not None
    assert spend.cost_usd == 0.75


async def test_an_older_one_that_ends_late_does_not_hide_it(investigations, given):
    await given.investigation(revision=2, state="running")
    await investigations.finish("inc-1.2", finished())

    await investigations.finish("inc-1.1", replace(finished(), stand_in=True))

    assert (await given.incident_row())["stand_in"] == 0


async def test_each_sink_is_owed_it_once(investigations, given, database):
    await investigations.finish("inc-1.1", finished(notifiers=("event", "webhook", "event")))

    owed = await Deliveries(database).owed(NOW)
    assert [(item.notifier, item.attempts, item.owed_at) for item in owed] == [("event", 0, NOW), ("webhook", 0, NOW)]


async def test_finishing_again_changes_nothing(investigations, given, database):
    await investigations.finish("inc-1.1", finished(notifiers=("webhook",)))
    await Deliveries(database).delivered("inc-1.1", "webhook", NOW)

    await investigations.finish("inc-1.1", replace(failed(), notifiers=("webhook", "event")))

    assert (await stored(investigations)).record.state is InvestigationState.DONE
    assert await Deliveries(database).owed(NOW) == ()


async def test_failures_in_a_row_are_counted_and_say_nothing_about_severity(investigations, given):
    await given.investigation(revision=2, state="running")
    for revision in (1, 2, 2):
        await investigations.finish(f"inc-1.{revision}", failed())

    incident = await given.incident_row()
    assert (incident["failures"], incident["severity"]) == (2, None)
    assert (await stored(investigations)).record.state is InvestigationState.FAILED


async def test_success_ends_the_row_of_failures(investigations, given):
    await given.investigation(revision=2, state="running")
    await investigations.finish("inc-1.1", failed())

    await investigations.finish("inc-1.2", finished())

    assert (await given.incident_row())["failures"] == 0


async def test_a_crashed_job_fails_its_investigation_once(investigations, given):
    for _ in range(2):
        await investigations.fail("inc-1.1", "bug: list index out of range")

    found = await stored(investigations)
    assert (found.record.state, found.record.note) == (InvestigationState.FAILED, "bug: list index out of range")
    assert (await given.incident_row())["failures"] == 1


async def test_of_a_dropped_one_only_the_assessment_is_kept(investigations, given, database):
    async with database.writing() as connection:
        await connection.execute(update(table).values(state="dropped", note="merged into inc-9"))
    before = await given.incident_row()

    await investigations.finish("inc-1.1", finished())

    found = await stored(investigations)
    assert (found.record.state, found.record.note) == (InvestigationState.DROPPED, "merged into inc-9")
    assert found.assessment == assessment()
    assert await given.incident_row() == before
    assert await Deliveries(database).owed(NOW) == ()


async def test_an_unknown_one_cannot_be_finished(investigations, given):
    with pytest.raises(NotFound, match=r"no investigation 'inc-9.1'"):
        await investigations.finish("inc-9.1", finished())


async def test_a_result_is_not_stored_twice_because_the_transcript_has_it_too(investigations, given, database):
    piece = evidence(raw="".join(f"record {number * number}\n" for number in range(5000)))
    await StoredEvidence(database).put("inc-1.1", piece)

    await investigations.finish("inc-1.1", finished(pieces=(piece,)))

    async with database.reading() as connection:
        sizes = (await connection.scalars(select(blobs.c.raw_bytes).order_by(blobs.c.raw_bytes))).all()
    assert sizes[0] < 3000 < len(piece.result.raw) < sizes[1]


async def test_a_result_that_was_not_stored_stays_in_the_transcript(investigations, given):
    await investigations.finish("inc-1.1", finished(pieces=(evidence(),)))

    found = await stored(investigations)
    assert found.transcript == transcript(evidence())
    assert found.evidence == ()


async def test_damage_costs_only_what_is_damaged(investigations, given, database):
    await StoredEvidence(database).put("inc-1.1", evidence())
    await investigations.finish("inc-1.1", finished(pieces=(evidence(),)))
    async with database.writing() as connection:
        await connection.execute(update(blobs).values(body=b"x"))
        await connection.execute(update(table).values(assessment="{}"))

    with capture_logs() as logs:
        found = await stored(investigations)

    assert (found.assessment, found.transcript, found.evidence) == (None, None, ())
    assert {entry["event"] for entry in logs} == {"assessment.damaged", "transcript.damaged", "evidence.damaged"}


async def test_nothing_is_half_stored_when_the_last_step_cannot_be_done(investigations, given, database):
    nobody: Any = None
    owed_to_nobody = finished(notifiers=(nobody,))  # refused by the database, after everything else was written

    with pytest.raises(Bug, match="asked something impossible"):
        await investigations.finish("inc-1.1", owed_to_nobody)

    found = await stored(investigations)
    assert (found.record.state, found.assessment) == (InvestigationState.RUNNING, None)
    async with database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(blobs)) == 0


async def test_there_is_none_of_an_unknown_id(investigations, database):
    await Given(database).incident("inc-2", [trigger()])

    assert await investigations.get("inc-2.1") is None
