"""What waits to be investigated becomes as urgent as its incident, never less urgent."""

from __future__ import annotations

import pytest
from tests.storage.deciding import LEAF, Triage, ids_of, observed
from tests.storage.given import NOW, at

from gcm_sentinel.domain.incident_record import Urgency, Why
from gcm_sentinel.domain.triage_changes import Investigate, Join, Merge, OpenIncident
from gcm_sentinel.storage.investigations import Investigations

CRITICAL, WARNING, INFO = Urgency.CRITICAL, Urgency.WARNING, Urgency.INFO


@pytest.fixture
def wanted(database):
    """How urgent each investigation is that is wanted, in their order."""

    async def wanted_() -> list[tuple[str, Urgency]]:
        return [(record.id, record.urgency) for record in await Investigations(database).wanted()]

    return wanted_


async def join(triage: Triage, urgency: Urgency) -> None:
    """One more trigger joins ``inc-2``."""
    await triage.tell(observed(node="gpu-9"))
    await triage.decide(Join("inc-2", ids_of((await triage.look()).pending), at(1), urgency))


async def test_an_investigation_goes_first_when_something_more_urgent_joins(triage, wanted):
    await triage.open("inc-1", observed())
    await triage.open("inc-2", observed(node="gpu-2"))
    assert await wanted() == [("inc-1.1", WARNING), ("inc-2.1", WARNING)]

    await join(triage, CRITICAL)

    assert await wanted() == [("inc-2.1", CRITICAL), ("inc-1.1", WARNING)]


@pytest.mark.parametrize("urgency", [WARNING, INFO])
async def test_nothing_makes_it_less_urgent(triage, wanted, urgency):
    await triage.open("inc-2", observed(node="gpu-2"))

    await join(triage, urgency)

    assert await wanted() == [("inc-2.1", WARNING)]


async def test_what_was_handed_on_stays_as_it_was(triage, database):
    await triage.open("inc-2", observed(node="gpu-2"))
    await Investigations(database).queued("inc-2.1")

    await join(triage, CRITICAL)

    (record,) = await Investigations(database).under_way()
    assert record.urgency is WARNING


async def test_it_is_raised_by_what_is_merged_into_its_incident_too(triage, wanted):
    await triage.open("inc-2", observed(node="gpu-2"))
    await triage.open("inc-1", observed())
    await triage.tell(observed(node="gpu-3"))
    await triage.decide(Join("inc-1", ids_of((await triage.look()).pending), at(1), CRITICAL))

    await triage.decide(Merge("inc-1", "inc-2", at(2)))

    assert await wanted() == [("inc-2.1", CRITICAL)]


async def test_it_is_raised_within_the_decision_that_asks_for_it(triage, wanted):
    await triage.tell(observed(), observed(node="gpu-2"))
    one, other = ids_of((await triage.look()).pending)

    await triage.decide(
        OpenIncident("inc-2", LEAF, WARNING, NOW, (one,)),
        Investigate("inc-2", 1, Why.OPENED, WARNING, NOW),
        Join("inc-2", (other,), NOW, CRITICAL),
    )

    assert await wanted() == [("inc-2.1", CRITICAL)]
