"""New triggers are gathered for a moment before incidents are opened for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.triage.shelf import Shelf, problem, recovery

from gcm_sentinel.domain.incident_record import TriggerState
from gcm_sentinel.domain.triage_changes import Join
from gcm_sentinel.triage.policy import Policy


def test_a_problem_waits_until_it_has_settled():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), at=0)

    assert shelf.decide(1.9) == ()
    assert shelf.next_due(1.9) == 2
    assert shelf.decide(2)
    assert [incident.nodes for incident in shelf.standing] == [{"gpu-1"}]


def test_the_oldest_sets_the_time_for_all_of_one_node():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), at=0)
    shelf.store(problem("gpu-1", "GpuCount"), at=1.5)

    shelf.decide(2)

    assert set(shelf.states().values()) == {TriggerState.FOLDED}


def test_triggers_of_several_nodes_wait_for_a_pause():
    shelf = Shelf()
    for moment in range(4):
        shelf.store(problem(f"gpu-{moment}"), at=moment)

    assert shelf.decide(4.9) == ()
    assert shelf.next_due(4.9) == 5


def test_a_storm_without_a_pause_is_decided_after_five_settle_times():
    shelf = Shelf()
    for moment in range(11):
        shelf.store(problem(f"gpu-{moment}"), at=moment)

    assert shelf.decide(9.9) == ()
    assert shelf.decide(10)


def test_what_belongs_to_an_open_incident_joins_at_once():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), at=0)
    shelf.decide(2)
    shelf.store(problem("gpu-1", "GpuCount"), at=10)

    (join,) = shelf.decide(10)

    assert isinstance(join, Join)


def test_a_problem_and_its_recovery_are_noted_at_once():
    shelf = Shelf()
    ids = shelf.store(problem("gpu-1"), recovery("gpu-1", at=1), at=0)

    (noted,) = shelf.decide(0)

    assert (noted.trigger_ids, noted.reason) == (ids, "recovered before it was looked at")
    assert shelf.standing == []


def test_what_came_back_after_its_recovery_is_still_decided_on():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), recovery("gpu-1", at=1), problem("gpu-1", at=2), at=0)

    shelf.decide(2)

    assert list(shelf.states().values()) == [TriggerState.NOTED, TriggerState.NOTED, TriggerState.FOLDED]


def test_a_recovery_of_a_node_made_anew_takes_nothing_back_from_its_predecessor():
    shelf = Shelf()
    shelf.store(problem("gpu-1", node_uid="old"), replace(recovery("gpu-1"), node_uid="new"), at=0)

    shelf.decide(2)

    assert list(shelf.states().values()) == [TriggerState.FOLDED, TriggerState.NOTED]


@pytest.mark.parametrize("settle", [0, 30])
def test_the_operator_says_how_long(settle):
    shelf = Shelf(Policy(settle=settle * (Policy().settle / 2)))
    shelf.store(problem("gpu-1"), at=0)

    assert bool(shelf.decide(settle)) is True
    assert settle == 0 or shelf.standing[0].opened_at.second == settle
