"""Lists and pages of incidents show one moment, the newest first."""

from __future__ import annotations

import pytest
from tests.storage.deciding import LEAF, ids_of, observed
from tests.storage.given import NOW, READY, at

from gcm_sentinel.domain.incident_record import IncidentState, InvestigationState, Urgency
from gcm_sentinel.domain.triage_changes import Join, Merge, Move, OpenIncident
from gcm_sentinel.storage.incidents import IncidentFilter, Incidents


@pytest.fixture
async def incidents(triage, database) -> Incidents:
    """``inc-old``, closed; ``inc-new`` on gpu-1 and gpu-2, opened ten minutes later."""
    await triage.open("inc-old", observed(node="gpu-9"))
    await triage.decide(Move("inc-old", IncidentState.CLOSED, at(1), reason="recovered"))
    await triage.tell(observed(changed=10), observed(node="gpu-2", kind=READY, changed=9))
    ids = ids_of((await triage.look()).pending)
    await triage.decide(OpenIncident("inc-new", LEAF, Urgency.WARNING, at(10), ids))
    return Incidents(database)


async def ids(incidents: Incidents, wanted: IncidentFilter | None = None) -> list[str]:
    """The ids of a list."""
    return [row.record.id for row in await incidents.list(wanted)]


async def test_open_ones_are_listed_unless_all_are_asked_for(incidents):
    assert await ids(incidents) == ["inc-new"]
    assert await ids(incidents, IncidentFilter(open_only=False)) == ["inc-new", "inc-old"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (IncidentFilter(open_only=False, node="gpu-9"), ["inc-old"]),
        (IncidentFilter(node="gpu-2"), ["inc-new"]),
        (IncidentFilter(node="gpu"), []),
        (IncidentFilter(open_only=False, since=at(10)), ["inc-new"]),
        (IncidentFilter(open_only=False, limit=1), ["inc-new"]),
    ],
    ids=["by-node", "by-any-node", "exact-names", "since", "limit"],
)
async def test_a_list_is_narrowed(incidents, wanted, found):
    assert await ids(incidents, wanted) == found


async def test_a_line_shows_what_opened_it_and_its_newest_investigation(incidents):
    new, old = await incidents.list(IncidentFilter(open_only=False))

    assert (new.lead, new.trigger_count, new.newest) == (observed(changed=10), 2, None)
    assert old.newest is not None
    assert (old.newest.id, old.newest.state) == ("inc-old.1", InvestigationState.DROPPED)


async def test_a_page_shows_triggers_in_order_of_onset(incidents):
    view = await incidents.get("inc-new")

    assert view is not None
    assert [stored.trigger.node for stored in view.triggers] == ["gpu-2", "gpu-1"]
    assert [symptom.node for symptom in view.symptoms] == ["gpu-1", "gpu-2"]


async def test_the_triggers_of_a_storm_come_page_by_page(incidents):
    first, second = [await incidents.get("inc-new", triggers=1, skip=skip) for skip in (0, 1)]

    assert first is not None
    assert second is not None
    assert (first.trigger_count, len(first.triggers), len(second.triggers)) == (2, 1, 1)
    assert first.triggers != second.triggers


async def test_a_merged_incident_says_into_which(incidents, triage):
    await triage.open("inc-2", observed(node="gpu-3"))
    await triage.decide(Merge("inc-2", "inc-new", NOW))

    view = await incidents.get("inc-2")

    assert view is not None
    assert (view.merged_into, view.trigger_count) == ("inc-new", 0)


async def test_an_unknown_incident_is_none(incidents):
    assert await incidents.get("inc-9") is None


async def test_a_lead_stays_the_lead_when_an_earlier_one_joins(incidents, triage):
    await triage.tell(observed(node="gpu-3", changed=5))

    await triage.decide(Join("inc-new", ids_of((await triage.look()).pending), at(11), Urgency.WARNING))

    (row,) = await incidents.list()
    assert row.lead == observed(changed=10)
