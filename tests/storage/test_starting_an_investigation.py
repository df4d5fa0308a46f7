"""An investigation is handed to the queue once, and told the same incident however often it starts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.storage.deciding import observed
from tests.storage.given import NOW, READY, XID, Given, at, trigger

from gcm_sentinel.domain.errors import BadResponse, Bug
from gcm_sentinel.domain.incident_record import InvestigationState, Urgency
from gcm_sentinel.domain.triage_changes import Join, Merge
from gcm_sentinel.domain.trigger import FaultScope, Incident
from gcm_sentinel.storage.frozen_incident import LEADING, fair_share
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.storage.investigations import Investigations
from gcm_sentinel.storage.schema import investigations as table


@pytest.fixture
def investigations(database) -> Investigations:
    """The investigations of the database."""
    return Investigations(database)


@pytest.fixture
def given(database) -> Given:
    """What is there before."""
    return Given(database)


async def state_of(investigations, investigation_id):
    """Where it stands."""
    found = await investigations.get(investigation_id)
    return found.record.state


async def test_the_most_urgent_is_wanted_first_then_the_oldest(investigations, given, database, clock):
    for number in (1, 2, 3):
        await given.incident(f"inc-{number}", [trigger(f"gpu-{number}")])
        await given.investigation(f"inc-{number}")
        clock.move(timedelta(minutes=1))
    async with database.writing() as connection:
        critical = update(table).where(table.c.id == "inc-3.1")
        await connection.execute(critical.values(urgency=int(Urgency.CRITICAL)))

    assert [record.id for record in await investigations.wanted()] == ["inc-3.1", "inc-1.1", "inc-2.1"]
    assert [record.id for record in await investigations.wanted(limit=1)] == ["inc-3.1"]


async def test_what_is_queued_is_wanted_no_more(investigations, given):
    await given.incident()
    await given.investigation()

    await investigations.queued("inc-1.1")
    await investigations.queued("inc-1.1")

    assert await investigations.wanted() == ()
    assert await state_of(investigations, "inc-1.1") is InvestigationState.QUEUED


async def test_what_runs_is_not_queued_again(investigations, given):
    await given.incident()
    await given.investigation(state="running")

    await investigations.queued("inc-1.1")

    assert await state_of(investigations, "inc-1.1") is InvestigationState.RUNNING


async def test_what_the_queue_has_is_under_way_the_oldest_first(investigations, given, clock):
    states = ("running", "queued", "wanted", "done", "failed", "dropped")
    await given.incident()
    for revision, state in enumerate(states, start=1):
        await given.investigation(revision=revision, state=state)
        clock.move(timedelta(minutes=1))

    assert [record.id for record in await investigations.under_way()] == ["inc-1.1", "inc-1.2"]
    assert [record.id for record in await investigations.under_way(limit=1)] == ["inc-1.1"]


async def test_starting_tells_what_to_investigate(investigations, given):
    seen = [trigger("gpu-9", XID, 0), trigger("gpu-7", READY, 1)]
    await given.incident("inc-1", seen)
    await given.investigation(revision=2, state="queued")

    incident = await investigations.start("inc-1.2", "pod-a")

    expected = Incident("inc-1", tuple(seen), NOW, 2, FaultScope("node", "gpu-9"), ("gpu-7", "gpu-9"))
    assert incident == expected
    stored = await investigations.get("inc-1.2")
    assert stored is not None
    assert (stored.record.state, stored.record.executor) == (InvestigationState.RUNNING, "pod-a")
    assert stored.incident == expected


async def test_triggers_come_in_order_of_onset_where_no_lead_is_known(investigations, given):
    await given.incident("inc-1", [trigger(minute=5), trigger("gpu-8", minute=2), trigger("gpu-9", minute=9)])
    await given.investigation()

    incident = await investigations.start("inc-1.1", "pod-a")

    assert incident is not None
    assert [item.node for item in incident.triggers] == ["gpu-8", "gpu-7", "gpu-9"]


async def leads(database, investigations):
    """The lead as pages show it, and as the investigation is given it, with the nodes of all its triggers."""
    view = await Incidents(database).get("inc-1")
    incident = await investigations.start("inc-1.1", "pod-a")
    assert view is not None
    assert view.lead is not None
    return view.lead.node, incident.lead.node, [item.node for item in incident.triggers]


async def test_the_lead_stays_when_one_that_began_earlier_joins_late(triage, database, investigations):
    await triage.open("inc-1", observed(node="gpu-2", changed=2))
    await triage.tell(observed(node="gpu-1", changed=1, seen=3), observed(node="gpu-3", changed=3))
    late = tuple(stored.id for stored in (await triage.look()).pending)
    await triage.decide(Join("inc-1", late, at(3), Urgency.WARNING))

    assert await leads(database, investigations) == ("gpu-2", "gpu-2", ["gpu-2", "gpu-1", "gpu-3"])


async def test_the_lead_stays_when_an_incident_that_began_earlier_is_merged_into_it(triage, database, investigations):
    await triage.open("inc-1", observed(node="gpu-2", changed=2))
    await triage.open("inc-2", observed(node="gpu-1", changed=1, seen=3))
    await triage.decide(Merge("inc-2", "inc-1", at(3)))

    assert await leads(database, investigations) == ("gpu-2", "gpu-2", ["gpu-2", "gpu-1"])


async def test_the_lead_of_a_storm_is_given_whatever_began_before_it(triage, database, investigations):
    await triage.open("inc-1", observed(node="gpu-lead", changed=LEADING + 9))
    await triage.tell(*(observed(node=f"gpu-{place}", changed=place) for place in range(LEADING + 5)))
    late = tuple(stored.id for stored in (await triage.look()).pending)
    await triage.decide(Join("inc-1", late, at(70), Urgency.WARNING))

    shown, given, nodes = await leads(database, investigations)

    assert (shown, given) == ("gpu-lead", "gpu-lead")
    assert (len(nodes), nodes[1]) == (LEADING, "gpu-0")


async def test_the_incident_is_the_same_after_a_crash_whatever_happened_meanwhile(investigations, given, clock):
    await given.incident()
    await given.investigation(state="queued")
    first = await investigations.start("inc-1.1", "pod-a")
    await given.triggers([trigger("gpu-8", READY, -5)], incident_id="inc-1")
    clock.move(timedelta(minutes=4))

    again = await investigations.start("inc-1.1", "pod-b")

    assert again == first
    stored = await investigations.get("inc-1.1")
    assert stored is not None
    assert (stored.record.started_at, stored.record.executor) == (NOW, "pod-b")


@pytest.mark.parametrize("state", ["dropped", None], ids=["dropped", "unknown"])
async def test_what_was_dropped_or_is_unknown_is_not_started(state, investigations, given):
    await given.incident()
    if state:
        await given.investigation(state=state)

    assert await investigations.start("inc-1.1", "pod-a") is None


@pytest.mark.parametrize("state", ["done", "failed"])
async def test_starting_what_has_ended_does_not_run_it_again(state, investigations, given):
    await given.incident()
    await given.investigation(state=state)

    assert await investigations.start("inc-1.1", "pod-a") is None
    assert await state_of(investigations, "inc-1.1") is InvestigationState(state)


async def test_a_storm_is_told_by_its_leading_triggers_and_all_its_nodes(investigations, given):
    storm = [trigger(f"gpu-{number:03}", XID, number) for number in range(300)]
    await given.incident("inc-1", [*storm, trigger("gpu-000", READY, 301)])
    await given.investigation()

    incident = await investigations.start("inc-1.1", "pod-a")

    assert incident is not None
    assert len(incident.triggers) == LEADING
    assert incident.lead == storm[0]
    assert incident.triggers[-1].kind == READY
    assert len(incident.nodes) == 300


async def test_an_incident_without_a_trigger_is_a_bug(investigations, given):
    await given.incident()
    await given.investigation()
    await given.take_triggers("inc-1")

    with pytest.raises(Bug, match="'inc-1' is to be investigated but has no trigger"):
        await investigations.start("inc-1.1", "pod-a")


async def test_a_damaged_frozen_incident_is_told(investigations, given, database):
    await given.incident()
    await given.investigation()
    await investigations.start("inc-1.1", "pod-a")
    async with database.writing() as connection:
        await connection.execute(update(table).values(incident='{"id": 7}'))

    with pytest.raises(BadResponse, match=r"the incident stored with investigation 'inc-1.1' is damaged"):
        await investigations.start("inc-1.1", "pod-a")


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        ("aaaa", [0, 1, 2]),
        ("aaab", [0, 3, 1]),
        ("abcd", [0, 1, 2]),
        ("aabb", [0, 2, 1]),
        ("", []),
    ],
)
def test_the_share_of_the_kinds_is_fair(kinds, chosen):
    assert fair_share(list(enumerate(kinds)), 3) == chosen
