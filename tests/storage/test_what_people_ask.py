"""A person may close an incident or have it investigated again; it takes effect among the decisions of triage."""

from __future__ import annotations

import asyncio

import pytest
from tests.storage.deciding import LEAF, ids_of, observed
from tests.storage.given import NOW, at

from gcm_sentinel.domain.errors import NotFound, Rejected
from gcm_sentinel.domain.incident_record import IncidentState, InvestigationState, Urgency, Why
from gcm_sentinel.domain.triage_changes import Join, Merge
from gcm_sentinel.storage.incidents import Incidents, IncidentView, Request
from gcm_sentinel.storage.investigations import Investigations


@pytest.fixture
async def incidents(triage, database) -> Incidents:
    """One open incident, whose investigation is wanted."""
    await triage.open("inc-1", observed())
    return Incidents(database)


async def view(incidents: Incidents) -> IncidentView:
    """The incident as it is now."""
    found = await incidents.get("inc-1")
    assert found is not None
    return found


async def test_closing_says_who_and_why(incidents):
    await incidents.request_close("inc-1", "ada", "planned maintenance")

    closed = await view(incidents)
    assert (closed.record.state, closed.record.closed_at) == (IncidentState.CLOSED, NOW)
    assert closed.record.close_reason == "closed by ada: planned maintenance"
    assert closed.requests == (Request("close", "ada", "planned maintenance", NOW),)


async def test_closing_drops_the_investigation_that_has_not_been_started(incidents):
    await incidents.request_close("inc-1", "ada", "")

    assert (await view(incidents)).record.investigation is InvestigationState.DROPPED


async def test_what_is_still_wrong_stays_with_the_closed_incident(incidents, triage):
    await incidents.request_close("inc-1", "ada", "known")

    await triage.tell(observed())

    (known,) = await triage.triggers.wrong_now("kubernetes")
    assert known.incident_id == "inc-1"
    assert (await triage.look()).pending == (), "the same condition opens nothing until it changes"


async def test_closing_twice_is_closing_once(incidents):
    await incidents.request_close("inc-1", "ada", "known")
    await incidents.request_close("inc-1", "bob", "me too")

    assert (await view(incidents)).record.close_reason == "closed by ada: known"


async def test_asking_again_wants_the_next_revision(incidents, database):
    await Investigations(database).start("inc-1.1", "me")

    assert await incidents.request_reinvestigate("inc-1", "ada") == 2

    newest = (await view(incidents)).investigations[-1]
    assert (newest.id, newest.state, newest.why) == ("inc-1.2", InvestigationState.WANTED, Why.BY_HAND)
    assert [record.id for record in await Investigations(database).wanted()] == ["inc-1.2"]


async def test_asking_while_one_waits_is_answered_with_that_one(incidents):
    assert await incidents.request_reinvestigate("inc-1", "ada") == 1

    assert len((await view(incidents)).investigations) == 1


async def test_many_who_ask_at_once_get_one_investigation(incidents, database):
    await Investigations(database).start("inc-1.1", "me")

    revisions = await asyncio.gather(*(incidents.request_reinvestigate("inc-1", f"p{n}") for n in range(5)))

    assert set(revisions) == {2}
    assert len((await view(incidents)).requests) == 5


async def test_asking_for_a_closed_incident_opens_it_again(incidents):
    await incidents.request_close("inc-1", "ada", "known")

    assert await incidents.request_reinvestigate("inc-1", "bob") == 2

    again = await view(incidents)
    assert (again.record.state, again.record.closed_at) == (IncidentState.OPEN, None)
    assert again.record.investigation is InvestigationState.WANTED


async def test_a_merged_incident_names_the_one_to_ask_for(incidents, triage):
    await triage.open("inc-2", observed(node="gpu-2"))
    await triage.decide(Merge("inc-1", "inc-2", NOW))

    with pytest.raises(Rejected, match="'inc-1' was merged into 'inc-2'"):
        await incidents.request_reinvestigate("inc-1", "ada")


async def test_an_unknown_incident_is_told(incidents):
    with pytest.raises(NotFound, match="'inc-9'"):
        await incidents.request_close("inc-9", "ada", "")
    with pytest.raises(NotFound, match="'inc-9'"):
        await incidents.request_reinvestigate("inc-9", "ada")


async def test_a_request_and_a_decision_at_one_moment_both_count(incidents, triage):
    await triage.tell(observed(node="gpu-2"))
    ids = ids_of((await triage.look()).pending)

    await asyncio.gather(
        incidents.request_close("inc-1", "ada", "known"), triage.decide(Join("inc-1", ids, at(1), Urgency.INFO))
    )

    both = await view(incidents)
    assert both.record.close_reason == "closed by ada: known"
    assert (both.record.nodes, both.record.scope) == (frozenset({"gpu-1", "gpu-2"}), LEAF)
