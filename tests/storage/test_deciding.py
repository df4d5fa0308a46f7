"""A decision is made over one moment of everything it concerns, and written whole."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.storage.deciding import BURST, COOLDOWN, LEAF, Triage, ids_of, observed
from tests.storage.given import NOW, READY, XID, at

from gcm_sentinel.domain.conditions import Family
from gcm_sentinel.domain.errors import Bug
from gcm_sentinel.domain.incident_record import (
    CoolDownStamp,
    IncidentRecord,
    IncidentState,
    InvestigationState,
    TriggerState,
    Urgency,
    Why,
)
from gcm_sentinel.domain.triage_changes import Investigate, Join, Merge, Move, OpenIncident, RuleOn
from gcm_sentinel.storage.incidents import Incidents
from gcm_sentinel.storage.investigations import Investigations

BOTH = frozenset({"gpu-1", "gpu-2"})


async def the_incident(triage: Triage, incident_id: str = "inc-1") -> IncidentRecord:
    """An incident as the next decision sees it."""
    return next(one for one in (await triage.look()).incidents if one.id == incident_id)


async def test_an_incident_is_opened_with_its_first_triggers(triage):
    await triage.open("inc-1", observed(), observed(node="gpu-2", kind=READY))

    assert await the_incident(triage) == IncidentRecord(
        "inc-1",
        LEAF,
        IncidentState.OPEN,
        Urgency.WARNING,
        opened_at=NOW,
        last_trigger_at=NOW,
        revision=1,
        nodes=frozenset({"gpu-1", "gpu-2"}),
        families=frozenset({Family.XID, Family.KUBELET}),
        kinds=frozenset({XID, READY}),
        investigation=InvestigationState.WANTED,
        investigated_at=NOW,
    )


async def test_its_triggers_and_symptoms_belong_to_it(triage):
    await triage.open("inc-1", observed(), observed(node="gpu-2"))

    snapshot = await triage.look()

    assert snapshot.pending == ()
    assert {symptom.incident_id for symptom in snapshot.symptoms} == {"inc-1"}


async def test_the_first_trigger_of_the_decision_leads(triage, database):
    await triage.tell(observed(node="gpu-2"), observed(node="gpu-1"))
    ids = ids_of((await triage.look()).pending)

    await triage.decide(OpenIncident("inc-1", LEAF, Urgency.INFO, NOW, ids[::-1]))

    view = await Incidents(database).get("inc-1")
    assert view is not None
    assert view.lead == observed(node="gpu-1")


async def test_triggers_join_an_incident(triage):
    await triage.open("inc-1", observed())
    await triage.tell(observed(node="gpu-2", kind=READY))
    ids = ids_of((await triage.look()).pending)

    await triage.decide(Join("inc-1", ids, at(2), Urgency.CRITICAL))

    incident = await the_incident(triage)
    assert (incident.nodes, incident.kinds) == (BOTH, frozenset({XID, READY}))
    assert (incident.urgency, incident.last_trigger_at) == (Urgency.CRITICAL, at(2))
    assert {symptom.incident_id for symptom in (await triage.look()).symptoms} == {"inc-1"}


async def test_a_symptom_that_recovered_meanwhile_is_not_brought_back_by_joining(triage):
    await triage.open("inc-1", observed())
    await triage.tell(observed(node="gpu-2"), observed("recovered", node="gpu-2", changed=1))
    ids = ids_of((await triage.look()).pending)

    await triage.decide(Join("inc-1", ids[:1], NOW, Urgency.WARNING))

    assert [symptom.node for symptom in (await triage.look()).symptoms] == ["gpu-1"]


async def test_a_merged_incident_gives_everything_and_closes(triage, database):
    await triage.open("inc-1", observed())
    await triage.open("inc-2", observed(node="gpu-2", kind=READY))

    await triage.decide(Merge("inc-2", "inc-1", at(1)))

    given, taker = await the_incident(triage, "inc-2"), await the_incident(triage)
    assert (given.state, given.close_reason, given.closed_at) == (IncidentState.CLOSED, "merged into inc-1", at(1))
    assert (taker.nodes, taker.kinds) == (BOTH, frozenset({XID, READY}))
    assert {symptom.incident_id for symptom in (await triage.look()).symptoms} == {"inc-1"}
    view = await Incidents(database).get("inc-1")
    assert view is not None
    assert view.trigger_count == 2


@pytest.mark.parametrize("state", ["wanted", "queued", "running"])
async def test_investigations_of_a_merged_incident_are_dropped(triage, database, state):
    investigations = Investigations(database)
    await triage.open("inc-1", observed())
    await triage.open("inc-2", observed(node="gpu-2"))
    if state != "wanted":
        await investigations.queued("inc-2.1")
    if state == "running":
        await investigations.start("inc-2.1", "me")

    await triage.decide(Merge("inc-2", "inc-1", at(1)))

    dropped = await investigations.get("inc-2.1")
    assert dropped is not None
    assert (dropped.record.state, dropped.record.note) == (InvestigationState.DROPPED, "merged into inc-1")
    assert await investigations.start("inc-2.1", "me") is None


async def test_one_decision_may_open_investigate_and_merge(triage):
    await triage.tell(observed(), observed(node="gpu-2"))
    one, other = ids_of((await triage.look()).pending)

    await triage.decide(
        OpenIncident("inc-1", LEAF, Urgency.WARNING, NOW, (one,)),
        OpenIncident("inc-2", LEAF, Urgency.CRITICAL, NOW, (other,)),
        Investigate("inc-2", 1, Why.OPENED, Urgency.CRITICAL, NOW),
        Merge("inc-2", "inc-1", NOW),
        Investigate("inc-1", 1, Why.OPENED, Urgency.CRITICAL, NOW),
    )

    taker, given = await the_incident(triage), await the_incident(triage, "inc-2")
    assert (taker.nodes, taker.urgency) == (BOTH, Urgency.CRITICAL)
    assert (taker.investigation, given.investigation) == (InvestigationState.WANTED, InvestigationState.DROPPED)


async def test_what_is_held_waits_for_its_time(triage):
    await triage.tell(observed())
    ids = ids_of((await triage.look()).pending)

    await triage.decide(RuleOn(ids, TriggerState.HELD, "cool-down", at(30)))

    assert (await triage.look(at(29))).pending == ()
    (held,) = (await triage.look(at(30))).pending
    assert (held.state, held.reason, held.hold_until) == (TriggerState.HELD, "cool-down", at(30))


@pytest.mark.parametrize("state", [TriggerState.REFUSED, TriggerState.NOTED])
async def test_what_was_ruled_on_is_not_seen_again(triage, state):
    await triage.tell(observed())

    await triage.decide(RuleOn(ids_of((await triage.look()).pending), state, "not wanted"))

    snapshot = await triage.look(at(999))
    assert snapshot.pending == ()


async def test_an_investigation_stamps_every_node_and_kind_of_its_incident(triage):
    await triage.open("inc-1", observed(), observed(node="gpu-2", kind=READY))
    await triage.tell(observed(changed=5), observed(node="gpu-2", kind=READY, changed=5))

    stamps = (await triage.look()).stamps

    assert set(stamps) == {
        CoolDownStamp("gpu-1", XID, NOW, Urgency.WARNING),
        CoolDownStamp("gpu-2", READY, NOW, Urgency.WARNING),
    }


async def test_stamps_older_than_the_cool_down_are_not_seen(triage):
    await triage.open("inc-1", observed())
    await triage.tell(observed(changed=5))

    assert (await triage.look(NOW + COOLDOWN)).stamps == ()


async def test_a_revisit_is_counted(triage):
    await triage.open("inc-1", observed())

    await triage.decide(Investigate("inc-1", 2, Why.REVISIT, Urgency.WARNING, at(9)))

    incident = await the_incident(triage)
    assert (incident.revision, incident.revisits, incident.investigated_at) == (2, 1, at(9))


async def test_an_incident_recovers_flaps_and_closes(triage):
    await triage.open("inc-1", observed())

    await triage.decide(Move("inc-1", IncidentState.RECOVERING, at(1), quiet_since=at(1)))
    await triage.decide(Move("inc-1", IncidentState.OPEN, at(2), flaps=1))
    await triage.decide(Move("inc-1", IncidentState.CLOSED, at(9), reason="recovered", flaps=1))

    incident = await the_incident(triage)
    assert (incident.state, incident.flaps, incident.quiet_since) == (IncidentState.CLOSED, 1, None)
    assert (incident.closed_at, incident.close_reason) == (at(9), "recovered")


async def test_closing_drops_what_has_not_been_started(triage):
    await triage.open("inc-1", observed())

    await triage.decide(Move("inc-1", IncidentState.CLOSED, NOW, reason="recovered"))

    assert (await the_incident(triage)).investigation is InvestigationState.DROPPED


async def test_an_investigation_that_runs_outlives_the_closing(triage, database):
    await triage.open("inc-1", observed())
    await Investigations(database).start("inc-1.1", "me")

    await triage.decide(Move("inc-1", IncidentState.CLOSED, NOW, reason="recovered"))

    assert (await the_incident(triage)).investigation is InvestigationState.RUNNING


async def test_a_closed_incident_is_seen_within_the_burst_window_only(triage):
    await triage.open("inc-1", observed())
    await triage.decide(Move("inc-1", IncidentState.CLOSED, NOW, reason="recovered"))

    assert len((await triage.look(NOW + BURST)).incidents) == 1
    assert (await triage.look(NOW + BURST + timedelta(seconds=1))).incidents == ()


async def test_a_closed_incident_may_be_opened_again(triage):
    await triage.open("inc-1", observed())
    await triage.decide(Move("inc-1", IncidentState.CLOSED, NOW, reason="recovered"))

    await triage.decide(Move("inc-1", IncidentState.OPEN, at(1), flaps=1))

    incident = await the_incident(triage)
    assert (incident.state, incident.closed_at, incident.close_reason) == (IncidentState.OPEN, None, "")


async def test_symptoms_of_other_nodes_and_closed_cases_are_left_out(triage):
    await triage.open("inc-1", observed(node="gpu-9"))
    await triage.decide(Move("inc-1", IncidentState.CLOSED, NOW, reason="closed by ada"))
    await triage.tell(observed(node="gpu-1"))

    snapshot = await triage.look(at(60))

    assert [symptom.node for symptom in snapshot.symptoms] == ["gpu-1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Join("inc-9", (), NOW, Urgency.INFO), "'inc-9', which was not in its snapshot"),
        (OpenIncident("inc-9", LEAF, Urgency.INFO, NOW, (4711,)), "trigger 4711, which is not stored"),
        (OpenIncident("inc-9", LEAF, Urgency.INFO, NOW, ()), "without a trigger"),
        (OpenIncident("inc-1", LEAF, Urgency.INFO, NOW, (1,)), "is there already"),
        (Merge("inc-1", "inc-1", NOW), "into itself"),
        (Investigate("inc-1", 1, Why.RETRY, Urgency.INFO, NOW), "investigation 1 of 'inc-1' was asked for after 1"),
    ],
)
async def test_a_decision_that_makes_no_sense_is_our_mistake_and_changes_nothing(triage, change, words):
    await triage.open("inc-1", observed())
    await triage.tell(observed(node="gpu-2"))
    before = await triage.look()

    with pytest.raises(Bug, match=words):
        await triage.decide(RuleOn(ids_of(before.pending), TriggerState.NOTED, "seen"), change)

    assert await triage.look() == before


async def test_a_session_takes_one_decision(triage):
    async with triage.store.session(NOW, burst=BURST, cooldown=COOLDOWN) as session:
        await session.apply([])

        with pytest.raises(Bug, match="one decision"):
            await session.apply([])


async def test_sessions_take_turns_and_see_what_the_one_before_decided(triage):
    await triage.tell(*(observed(node=f"gpu-{number}") for number in range(10)))

    async def rule_on_one() -> None:
        async with triage.store.session(NOW, burst=BURST, cooldown=COOLDOWN) as session:
            first = ids_of(session.snapshot.pending)[:1]
            await asyncio.sleep(0.01)
            await session.apply([RuleOn(first, TriggerState.NOTED, "mine")])

    await asyncio.gather(*(rule_on_one() for _ in range(10)))

    assert (await triage.look()).pending == ()


async def test_the_next_decision_is_due_at_once_while_triggers_wait(triage):
    assert await triage.store.next_due(NOW) is None

    await triage.tell(observed())

    assert await triage.store.next_due(NOW) == NOW


async def test_the_next_decision_is_due_when_the_first_held_trigger_is(triage):
    await triage.tell(observed(), observed(node="gpu-2"))
    one, other = ids_of((await triage.look()).pending)

    await triage.decide(RuleOn((one,), TriggerState.HELD, "", at(9)), RuleOn((other,), TriggerState.HELD, "", at(5)))

    assert await triage.store.next_due(NOW) == at(5)
    assert await triage.store.next_due(at(7)) == at(7)


@pytest.mark.slow
async def test_a_storm_of_five_thousand_is_opened_and_joined_in_one_decision_each(triage):
    await triage.open("inc-1", *(observed(node=f"gpu-{number}") for number in range(5000)))
    await triage.tell(observed(node="gpu-5000"))

    await triage.decide(Join("inc-1", ids_of((await triage.look()).pending), NOW, Urgency.CRITICAL))

    snapshot = await triage.look()
    assert len(snapshot.incidents[0].nodes) == 5001
    assert len(snapshot.symptoms) == 5001


@pytest.mark.parametrize("queued", [False, True], ids=["wanted", "queued"])
async def test_many_incidents_may_close_and_merge_in_one_decision(triage, database, queued):
    for number in range(5):
        await triage.open(f"inc-{number}", observed(node=f"gpu-{number}"))
        if queued:
            await Investigations(database).queued(f"inc-{number}.1")

    await triage.decide(
        *(Move(f"inc-{number}", IncidentState.CLOSED, at(1), reason="recovered") for number in (0, 1)),
        *(Merge(f"inc-{number}", "inc-4", at(1)) for number in (2, 3)),
    )

    states = {one.id: one.investigation for one in (await triage.look()).incidents}
    kept = InvestigationState.QUEUED if queued else InvestigationState.WANTED
    assert states == {**{f"inc-{number}": InvestigationState.DROPPED for number in range(4)}, "inc-4": kept}
