"""What is held does not wait for a clock that was set back to catch up, and is not looked at over and over either."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.storage.deciding import BURST, COOLDOWN, Triage, ids_of, observed

from gcm_sentinel.domain.incident_record import IncidentState, TriggerState, Urgency, Why
from gcm_sentinel.domain.topology import TopologyView
from gcm_sentinel.domain.triage_changes import Investigate, Move, OpenIncident, RuleOn, TriageChange
from gcm_sentinel.storage.investigations import Investigations
from gcm_sentinel.triage.fold import decide
from gcm_sentinel.triage.policy import Policy


async def decide_by_the_rules(triage: Triage, now: datetime) -> list[TriageChange]:
    """Decide until nothing changes, as the service does."""
    nowhere, taken = TopologyView({}, {}), list[TriageChange]()
    for _ in range(5):
        async with triage.store.session(now, burst=BURST, cooldown=COOLDOWN) as session:
            changes = decide(session.snapshot, nowhere, Policy(burst=BURST, cooldown=COOLDOWN), now)
            await session.apply(changes)
        if not changes:
            return taken
        taken += changes
    pytest.fail(f"still deciding: {changes}")


async def test_what_is_held_for_days_ahead_is_looked_at_again(triage, clock):
    await triage.tell(observed())
    ids = ids_of((await triage.look()).pending)
    await triage.decide(RuleOn(ids, TriggerState.HELD, "cool-down", clock.now() + COOLDOWN))
    clock.move(timedelta(days=-3))

    (stored,) = (await triage.look(clock.now())).pending

    assert (stored.state, stored.hold_until) == (TriggerState.HELD, clock.now()), "its time has come"


async def test_what_is_held_for_as_long_as_a_decision_may_hold_waits(triage, clock):
    await triage.tell(observed())
    ids = ids_of((await triage.look()).pending)

    await triage.decide(RuleOn(ids, TriggerState.HELD, "cool-down", clock.now() + 2 * COOLDOWN))

    assert (await triage.look(clock.now())).pending == ()


@pytest.mark.parametrize("back", [timedelta(minutes=30), timedelta(minutes=90), timedelta(days=3)])
async def test_by_the_rules_it_is_investigated_within_two_cool_downs(triage, database, clock, back):
    await triage.open("inc-1", observed())
    await triage.decide(Investigate("inc-1", 2, Why.ESCALATED, Urgency.CRITICAL, clock.now()))
    await Investigations(database).start("inc-1.2", "me")
    await triage.decide(Move("inc-1", IncidentState.CLOSED, clock.now(), reason="recovered"))
    clock.move(BURST * 2)
    await triage.tell(observed("recovered", changed=4), observed(changed=5))
    held = await decide_by_the_rules(triage, clock.now() + BURST)
    assert any(isinstance(change, RuleOn) and change.state is TriggerState.HELD for change in held)

    clock.move(-back)
    taken = await decide_by_the_rules(triage, clock.now())
    taken += await decide_by_the_rules(triage, clock.now() + 2 * COOLDOWN)

    assert any(isinstance(change, OpenIncident) for change in taken)
