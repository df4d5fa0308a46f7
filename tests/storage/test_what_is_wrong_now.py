"""What is wrong now is the last observation of each subject, in whatever order observations arrive."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from tests.storage.deciding import observed
from tests.storage.given import READY, at

from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.incident_record import Symptom, TriggerState
from gcm_sentinel.domain.trigger import TriggerStatus
from gcm_sentinel.storage.schema import triggers


async def wrong(triage) -> list[tuple[str, str, str]]:
    """Node, kind and status of everything that is wrong."""
    return [(one.node, one.kind, str(one.status)) for one in await triage.triggers.wrong_now("kubernetes")]


async def test_a_watcher_is_told_everything_it_needs_after_a_restart(triage):
    await triage.tell(observed("unknown", kind=READY, changed=-5, seen=0))

    (known,) = await triage.triggers.wrong_now("kubernetes")

    assert known == Symptom("gpu-1", READY, Family.KUBELET, TriggerStatus.UNKNOWN, at(-5), node_uid="uid-of-gpu-1")


async def test_another_source_is_not_mixed_in(triage):
    await triage.tell(observed())

    assert await triage.triggers.wrong_now("sentinel") == ()


async def test_a_recovery_ends_it_and_is_told_to_triage(triage):
    await triage.tell(observed(), observed("recovered", changed=5))

    assert await wrong(triage) == []
    assert [str(stored.trigger.status) for stored in (await triage.look()).pending] == ["problem", "recovered"]


@pytest.mark.parametrize("late", [observed(changed=1), observed("unknown", changed=1)], ids=["problem", "unknown"])
async def test_an_older_observation_that_comes_late_does_not_bring_it_back(triage, late):
    await triage.tell(observed(changed=0))
    await triage.tell(observed("recovered", changed=5))

    await triage.tell(late)

    assert await wrong(triage) == []
    assert len((await triage.look()).pending) == 2, "nothing follows from what is long over"


async def test_an_older_recovery_that_comes_late_does_not_end_it(triage):
    await triage.tell(observed(changed=5))

    await triage.tell(observed("recovered", changed=1, seen=6))

    assert len(await wrong(triage)) == 1


async def test_what_comes_late_is_kept_with_the_reason(triage, database):
    await triage.tell(observed(changed=5), observed("recovered", changed=1, seen=6))

    async with database.reading() as connection:
        late = (await connection.execute(select(triggers).order_by(triggers.c.id.desc()).limit(1))).one()
    assert (late.state, late.ruling) == (str(TriggerState.NOTED), "older than what was known already")


async def test_a_recovery_nobody_dates_ends_what_was_observed_before_it(triage):
    await triage.tell(observed(changed=0))

    await triage.tell(observed("recovered", changed=None, seen=5))

    assert await wrong(triage) == []


async def test_a_condition_nobody_dates_can_go_bad_a_second_time(triage):
    await triage.tell(observed(changed=None, seen=0))
    await triage.tell(observed("recovered", changed=None, seen=1))

    assert await triage.tell(observed(changed=None, seen=2)) == 1

    assert len(await wrong(triage)) == 1
    assert len((await triage.look()).pending) == 3


async def test_the_same_transition_is_told_again_when_it_was_ended_without_one(triage):
    """A condition that was taken off the list of watched ones and put on again."""
    await triage.tell(observed(changed=0), observed("recovered", changed=0, seen=5))

    assert await triage.tell(observed(changed=0, seen=9)) == 1

    assert len(await wrong(triage)) == 1


async def test_a_reporter_whose_clock_was_ahead_can_still_recover(triage):
    await triage.tell(observed(changed=60, seen=0))

    await triage.tell(observed("recovered", changed=5, seen=5))

    assert await wrong(triage) == []


async def test_a_node_made_again_under_the_same_name_is_another_node(triage):
    await triage.tell(observed(uid="uid-1"), observed(uid="uid-2", changed=1))

    await triage.tell(observed("recovered", uid="uid-1", changed=2))

    assert [one.node_uid for one in await triage.triggers.wrong_now("kubernetes")] == ["uid-2"]


async def test_what_stays_bad_stays_with_its_incident(triage):
    await triage.open("inc-1", observed())

    await triage.tell(observed("unknown", changed=3))

    (symptom,) = (await triage.look()).symptoms
    assert (symptom.status, symptom.incident_id) == (TriggerStatus.UNKNOWN, "inc-1")


async def test_what_goes_bad_again_belongs_to_no_incident_yet(triage):
    await triage.open("inc-1", observed())
    await triage.tell(observed("recovered", changed=3))

    await triage.tell(observed(changed=4))

    (symptom,) = (await triage.look()).symptoms
    assert symptom.incident_id is None
