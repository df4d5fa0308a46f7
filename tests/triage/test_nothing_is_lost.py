"""Whatever happens in whatever order: every trigger gets one ruling when its time has come; nothing spins or sticks."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.triage.shelf import Shelf, fleet_of, problem, recovery

from gcm_sentinel.domain.incident_record import IncidentState, InvestigationState, TriggerState
from gcm_sentinel.domain.triage_changes import Investigate, Join, OpenIncident, RuleOn
from gcm_sentinel.triage.policy import Policy

NODES = [f"n{number}" for number in range(12)]
FLEET = fleet_of({"rack": {"a": NODES[:6], "b": NODES[6:]}, "driver_version": {"v": NODES[::2], "w": NODES[1::2]}})
KINDS = ("GpuXid", "GpuCount", "Ready", "IbDev", "CSPMaintenance", "SomethingOdd")
MESSAGES = ("Xid 13", "Xid 74", "Xid 79", "")
OBSERVATIONS = st.tuples(st.sampled_from(NODES), st.sampled_from(KINDS), st.sampled_from(MESSAGES), st.booleans())
STEPS = st.lists(
    st.tuples(
        st.lists(OBSERVATIONS, max_size=8),
        st.sampled_from([0.0, 1.0, 2.0, 30.0, 400.0, 4000.0, -5.0, -90_000.0]),
        st.sampled_from([None, *(state for state in InvestigationState if state is not InvestigationState.DROPPED)]),
    ),
    max_size=12,
)


def live(steps, check):
    """Store, decide until nothing changes, let time pass (or step back); `check` sees every decision."""
    shelf = Shelf(Policy(llm_available=True), FLEET)
    moment = 0.0
    for number, (observations, pause, state) in enumerate(steps):
        for node, kind, message, bad in observations:
            seen = problem(node, kind, message, at=number) if bad else recovery(node, kind, at=number)
            shelf.store(seen, at=moment)
        moment += pause
        for _ in range(20):
            waiting = {stored.id for stored in shelf.snapshot(moment).pending}
            changes = shelf.decide(moment)
            check(shelf, waiting, changes, moment)
            if not changes:
                break
        else:
            raise AssertionError("decisions without end")
        if state is not None:
            shelf.investigated(state, stand_in=True)
    return shelf, moment


def ruled(changes):
    return Counter(
        id_ for change in changes if isinstance(change, OpenIncident | Join | RuleOn) for id_ in change.trigger_ids
    )


@settings(deadline=None)
@given(STEPS)
def test_no_trigger_is_ruled_on_twice_in_one_decision(steps):
    def check(_shelf, waiting, changes, _moment):
        assert set(ruled(changes).values()) <= {1}
        assert set(ruled(changes)) <= waiting

    live(steps, check)


@settings(deadline=None)
@given(STEPS)
def test_what_is_not_due_says_when_it_will_be(steps):
    def check(shelf, waiting, changes, moment):
        if not changes:
            due = shelf.next_due(moment)
            assert due is None or due > moment
            assert due is not None or not waiting

    live(steps, check)


@settings(deadline=None)
@given(STEPS)
def test_every_trigger_has_its_place_in_the_end(steps):
    shelf, moment = live(steps, lambda *_: None)

    shelf.decide(moment + 100)

    assert TriggerState.PENDING not in shelf.states().values()
    held = [stored for stored in shelf.triggers.values() if stored.state is TriggerState.HELD]
    assert all(stored.hold_until is not None and stored.reason for stored in held)


@settings(deadline=None)
@given(STEPS)
def test_one_investigation_of_an_incident_is_asked_for_in_a_decision(steps):
    def check(_shelf, _waiting, changes, _moment):
        asked = Counter(change.incident_id for change in changes if isinstance(change, Investigate))
        assert set(asked.values()) <= {1}

    live(steps, check)


@settings(deadline=None)
@given(STEPS)
def test_when_everything_has_recovered_every_incident_closes(steps):
    shelf, moment = live(steps, lambda *_: None)
    for node, kind in list(shelf.symptoms):
        shelf.store(recovery(node, kind, at=99), at=moment)

    for _ in range(80):
        moment += 10_000
        shelf.decide(moment)

    assert {incident.state for incident in shelf.incidents.values()} <= {IncidentState.CLOSED}
