"""An incident recovers when nothing of it is wrong, closes when it stays so, and is not asked about for each flap."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.triage.shelf import T0, Shelf, problem, recovery, seconds

from gcm_sentinel.domain.incident_record import IncidentState, InvestigationState, TriggerState, Why
from gcm_sentinel.domain.triage_changes import Investigate, Move
from gcm_sentinel.triage.policy import Policy


@pytest.fixture
def shelf():
    """One investigated incident with two symptoms."""
    found = Shelf()
    found.store(problem("gpu-1"), problem("gpu-1", "GpuNvlink", "link down"))
    found.decide(2)
    found.investigated()
    return found


def recover(shelf, at):
    shelf.store(recovery("gpu-1", at=at), recovery("gpu-1", "GpuNvlink", at=at), at=at)
    return shelf.decide(at)


def come_back(shelf, at):
    shelf.store(problem("gpu-1", at=at), at=at)
    return shelf.decide(at)


def moves(changes):
    return [change for change in changes if isinstance(change, Move)]


def asked(changes):
    return [change.why for change in changes if isinstance(change, Investigate)]


def test_it_stays_open_while_one_symptom_is_left(shelf):
    shelf.store(recovery("gpu-1", at=60), at=60)

    assert moves(shelf.decide(60)) == []


def test_it_recovers_when_the_last_symptom_is_gone(shelf):
    (move,) = moves(recover(shelf, 60))

    assert (move.state, move.quiet_since) == (IncidentState.RECOVERING, T0 + seconds(60))


def test_it_closes_when_it_was_quiet_for_long_enough(shelf):
    recover(shelf, 60)

    assert shelf.next_due(60) == 360
    assert shelf.decide(359) == ()
    (move,) = shelf.decide(360)
    assert (move.state, move.reason) == (IncidentState.CLOSED, "nothing was wrong for 300 s")


def test_what_comes_back_meanwhile_opens_it_again_without_another_investigation(shelf):
    recover(shelf, 60)

    changes = come_back(shelf, 100)

    assert [(move.state, move.flaps, move.reason) for move in moves(changes)] == [(IncidentState.OPEN, 1, "came back")]
    assert asked(changes) == []


@pytest.mark.parametrize(("flaps", "quiet_s"), [(0, 300), (1, 600), (3, 2400), (4, 4800), (9, 4800)])
def test_one_that_flaps_must_be_quiet_for_longer(shelf, flaps, quiet_s):
    for id_, incident in shelf.incidents.items():
        shelf.incidents[id_] = replace(incident, flaps=flaps)
    recover(shelf, 60)

    assert shelf.next_due(60) == 60 + quiet_s
    assert shelf.standing[0].flaps == flaps


def test_the_third_return_is_looked_at_again_as_flapping(shelf):
    moment, whys = 4000.0, []
    for _ in range(4):
        recover(shelf, moment)
        changes = come_back(shelf, moment + 100)
        whys.append(asked(changes))
        shelf.investigated()
        moment += 200

    assert whys == [[], [], [Why.REOPENED], []]
    assert "flapping: 4 times" in moves(shelf.changes)[-1].reason


def test_a_return_as_something_worse_is_looked_at_again(shelf):
    for id_, incident in shelf.incidents.items():
        shelf.incidents[id_] = replace(incident, urgency=3)
    recover(shelf, 60)

    assert asked(come_back(shelf, 100)) == [Why.ESCALATED]


def test_a_deleted_node_recovers(shelf):
    gone = [replace(recovery("gpu-1", kind, at=60), reason="NodeDeleted") for kind in ("GpuXid", "GpuNvlink")]
    ids = shelf.store(*gone, at=60)

    shelf.decide(60)

    assert [shelf.triggers[id_].state for id_ in ids] == [TriggerState.NOTED, TriggerState.NOTED]
    assert shelf.standing[0].state is IncidentState.RECOVERING


def test_a_recovery_of_nothing_is_noted():
    shelf = Shelf()
    shelf.store(recovery("gpu-1"))

    (noted,) = shelf.decide(0)

    assert (noted.state, noted.reason) == (TriggerState.NOTED, "recovered")


def test_no_recovery_time_closes_at_once():
    shelf = Shelf(Policy(recovery=seconds(0)))
    shelf.store(problem("gpu-1"))
    shelf.decide(2)
    shelf.investigated(InvestigationState.DONE)
    shelf.store(recovery("gpu-1", at=9), at=9)

    shelf.decide(9)
    shelf.decide(9)

    assert shelf.standing == []


def test_a_changed_symptom_is_no_recovery(shelf):
    changed = shelf.symptoms.pop(("gpu-1", "GpuXid"))
    shelf.symptoms.pop(("gpu-1", "GpuNvlink"))
    shelf.symptoms["gpu-1", "GpuXid"] = replace(changed, incident_id=None)

    assert shelf.decide(60) == ()
