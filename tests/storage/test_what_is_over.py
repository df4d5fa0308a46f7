"""Incidents that are over name the nodes whose standing verdicts may go."""

from __future__ import annotations

import pytest
from tests.storage.deciding import Triage, observed
from tests.storage.given import NOW, at, finished

from gcm_sentinel.domain.incident_record import IncidentState
from gcm_sentinel.domain.triage_changes import Merge, Move
from gcm_sentinel.storage.codecs import micros
from gcm_sentinel.storage.deliveries import Deliveries
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.storage.investigations import Investigations


@pytest.fixture
def incidents(database) -> Incidents:
    """The incidents of the database."""
    return Incidents(database)


async def close(triage: Triage, incident_id: str, minute: float) -> None:
    """It is over."""
    await triage.decide(Move(incident_id, IncidentState.CLOSED, at(minute), reason="recovered"))


async def test_they_come_with_the_node_that_led_the_oldest_first(triage, incidents):
    await triage.open("inc-1", observed(), observed(node="gpu-9"))
    await triage.open("inc-2", observed(node="gpu-2"))
    await close(triage, "inc-2", 1)
    await close(triage, "inc-1", 2)

    over = await incidents.over_since(NOW)

    assert over == ((f"inc-2@{micros(at(1))}", "gpu-2"), (f"inc-1@{micros(at(2))}", "gpu-1"))


async def test_what_was_over_before_then_is_left_out(triage, incidents):
    for number in (1, 2):
        await triage.open(f"inc-{number}", observed(node=f"gpu-{number}"))
        await close(triage, f"inc-{number}", number)

    assert [node for _, node in await incidents.over_since(at(2))] == ["gpu-2"]


@pytest.mark.parametrize("state", [IncidentState.OPEN, IncidentState.RECOVERING])
async def test_a_node_that_leads_another_one_is_left_out(triage, incidents, state):
    await triage.open("inc-1", observed())
    await close(triage, "inc-1", 1)
    await triage.open("inc-2", observed(changed=2))
    await triage.decide(Move("inc-2", state, at(3), quiet_since=at(3)))

    assert await incidents.over_since(NOW) == ()


async def test_one_that_closes_again_is_another_closing(triage, incidents):
    await triage.open("inc-1", observed())
    await close(triage, "inc-1", 1)
    before = await incidents.over_since(NOW)
    await triage.decide(Move("inc-1", IncidentState.OPEN, at(2), flaps=1))
    assert await incidents.over_since(NOW) == ()

    await close(triage, "inc-1", 3)

    assert before != await incidents.over_since(NOW) == ((f"inc-1@{micros(at(3))}", "gpu-1"),)


async def test_a_merged_one_is_over_unless_its_node_leads_the_other(triage, incidents):
    await triage.open("inc-1", observed())
    await triage.open("inc-2", observed(node="gpu-2"))
    await triage.open("inc-3", observed(kind="Ready"))

    await triage.decide(Merge("inc-1", "inc-3", at(1)), Merge("inc-2", "inc-3", at(1)))

    assert [node for _, node in await incidents.over_since(NOW)] == ["gpu-2"]


async def test_what_a_sink_was_told_after_the_closing_is_over_anew(triage, incidents, database):
    await triage.open("inc-1", observed())
    await Investigations(database).start("inc-1.1", "pod-a")
    await close(triage, "inc-1", 1)
    before = await incidents.over_since(NOW)

    await Investigations(database).finish("inc-1.1", finished())
    await Deliveries(database).delivered("inc-1.1", "log", at(2))

    assert before != await incidents.over_since(NOW) == ((f"inc-1@{micros(at(2))}", "gpu-1"),)
