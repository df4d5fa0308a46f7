"""A fault that nobody looked at is not held when it comes again: the cool-down ends with what it was begun for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.storage.deciding import LEAF, Triage, ids_of, observed
from tests.storage.given import NOW, READY, XID, at, failed, finished

from gcm_sentinel.domain.incident_record import CoolDownStamp, IncidentState, TriggerState, Urgency, Why
from gcm_sentinel.domain.triage_changes import Investigate, Join, Merge, Move, OpenIncident, RuleOn
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.storage.investigations import Investigations

CLOSE = Move("inc-1", IncidentState.CLOSED, NOW, reason="recovered")


@pytest.fixture
async def investigations(triage, database) -> Investigations:
    """``inc-1`` on gpu-1 and gpu-2, whose first investigation is wanted; ``inc-2`` on gpu-3."""
    await triage.open("inc-1", observed(), observed(node="gpu-2", kind=READY))
    await triage.open("inc-2", observed(node="gpu-3"))
    return Investigations(database)


async def stamped(triage: Triage) -> set[tuple[str, str]]:
    """The nodes and kinds of which a recurrence would be held."""
    await triage.tell(*(observed(node=f"gpu-{number}", changed=5) for number in (1, 2, 3)))
    return {(stamp.node, stamp.kind) for stamp in (await triage.look()).stamps}


async def test_one_that_failed_leaves_no_cool_down_behind(triage, investigations):
    await investigations.start("inc-1.1", "me")

    await investigations.finish("inc-1.1", failed())

    assert await stamped(triage) == {("gpu-3", XID)}


async def test_one_whose_job_crashed_leaves_none_either(triage, investigations):
    await investigations.start("inc-1.1", "me")

    await investigations.fail("inc-1.1", "bug")

    assert await stamped(triage) == {("gpu-3", XID)}


async def test_one_that_concluded_leaves_its_cool_down(triage, investigations):
    await investigations.start("inc-1.1", "me")

    await investigations.finish("inc-1.1", finished())

    assert await stamped(triage) == {("gpu-1", XID), ("gpu-2", READY), ("gpu-3", XID)}


@pytest.mark.parametrize("queued", [False, True], ids=["wanted", "queued"])
async def test_closing_before_it_was_started_ends_the_cool_down(triage, investigations, queued):
    if queued:
        await investigations.queued("inc-1.1")

    await triage.decide(CLOSE)

    assert await stamped(triage) == {("gpu-3", XID)}


async def test_so_does_closing_many_at_once(triage, investigations):
    await triage.decide(CLOSE, replace(CLOSE, incident_id="inc-2"))

    assert await stamped(triage) == set()


async def test_so_does_closing_by_hand(triage, investigations, database):
    await Incidents(database).request_close("inc-1", "ada", "known")

    assert await stamped(triage) == {("gpu-3", XID)}


async def test_one_that_runs_keeps_its_cool_down_until_it_fails(triage, investigations):
    await investigations.start("inc-1.1", "me")
    await triage.decide(CLOSE)
    assert ("gpu-1", XID) in await stamped(triage)

    await investigations.fail("inc-1.1", "bug")

    assert await stamped(triage) == {("gpu-3", XID)}


async def test_closing_after_it_was_looked_at_keeps_the_cool_down(triage, investigations):
    await investigations.start("inc-1.1", "me")
    await investigations.finish("inc-1.1", finished())

    await triage.decide(CLOSE)

    assert ("gpu-1", XID) in await stamped(triage)


async def test_merging_ends_no_cool_down(triage, investigations):
    await triage.decide(Merge("inc-1", "inc-2", NOW))

    assert await stamped(triage) == {("gpu-1", XID), ("gpu-2", READY), ("gpu-3", XID)}


async def test_one_that_failed_for_what_was_merged_into_it_ends_that_too(triage, investigations):
    await triage.decide(Merge("inc-1", "inc-2", NOW))
    await investigations.start("inc-2.1", "me")

    await investigations.fail("inc-2.1", "bug")

    assert await stamped(triage) == set()


async def test_an_older_one_that_fails_leaves_the_cool_down_of_a_newer(triage, investigations):
    await investigations.start("inc-1.1", "me")
    await triage.decide(Investigate("inc-1", 2, Why.ESCALATED, Urgency.CRITICAL, at(1)))

    await investigations.fail("inc-1.1", "bug")

    assert ("gpu-1", XID) in await stamped(triage)


async def test_the_cool_down_of_another_incident_that_was_looked_at_stays(triage, investigations):
    await investigations.start("inc-2.1", "me")
    await investigations.finish("inc-2.1", finished())
    await triage.tell(observed(node="gpu-3", changed=2))
    joining = ids_of((await triage.look()).pending)
    await triage.decide(Join("inc-1", joining, at(2), Urgency.WARNING), Investigate("inc-1", 2, *again(at(3))))
    await triage.decide(Investigate("inc-2", 2, *again(at(4))))

    await triage.decide(CLOSE)

    assert await stamped(triage) == {("gpu-3", XID)}


def again(moment):
    """Why, how urgently and when an investigation is asked for again."""
    return (Why.REOPENED, Urgency.WARNING, moment)


async def test_what_was_held_by_it_is_looked_at_again(triage, investigations):
    await investigations.start("inc-1.1", "me")
    await triage.decide(CLOSE)
    await triage.tell(observed(changed=5), observed(node="gpu-3", changed=5))
    held = ids_of((await triage.look()).pending)
    await triage.decide(RuleOn(held, TriggerState.HELD, "cool-down", at(60)))

    await investigations.fail("inc-1.1", "bug")

    assert [stored.trigger.node for stored in (await triage.look()).pending] == ["gpu-1"]


async def test_one_decision_may_open_and_close(triage):
    await triage.tell(observed())
    ids = ids_of((await triage.look()).pending)

    await triage.decide(
        OpenIncident("inc-1", LEAF, Urgency.WARNING, NOW, ids),
        Investigate("inc-1", 1, Why.OPENED, Urgency.WARNING, NOW),
        CLOSE,
    )

    assert await stamped(triage) == set()


async def test_asked_for_again_it_is_stamped_again(triage, investigations):
    await investigations.start("inc-1.1", "me")
    await investigations.fail("inc-1.1", "bug")

    await triage.decide(Investigate("inc-1", 2, Why.RETRY, Urgency.WARNING, at(5)))

    await triage.tell(observed(changed=6))
    assert (await triage.look(at(6))).stamps == (CoolDownStamp("gpu-1", XID, at(5), Urgency.WARNING),)
