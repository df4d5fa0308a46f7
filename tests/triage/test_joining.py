"""What comes after the first investigation was asked for: more of the same joins, something new is looked at again."""

from __future__ import annotations

import pytest
from tests.triage.shelf import Shelf, problem

from gcm_sentinel.domain.incident_record import InvestigationState, Urgency, Why
from gcm_sentinel.domain.triage_changes import Investigate, Join


@pytest.fixture
def shelf():
    """An incident of one node, led by an NVLink problem that is a warning, and investigated."""
    found = Shelf()
    found.store(problem("gpu-1", "GpuNvlink", "link down"))
    found.decide(2)
    found.investigated()
    return found


def asked(changes):
    return [(change.revision, change.why) for change in changes if isinstance(change, Investigate)]


def test_the_same_family_joins_and_is_not_investigated_again(shelf):
    shelf.store(problem("gpu-1", "GcmDcgmiNvlinkStatusProblem", "2 links down"), at=3000)

    assert [type(change) for change in shelf.decide(3000)] == [Join]


def test_a_new_family_is_looked_at_again(shelf):
    shelf.store(problem("gpu-1", "GpuThermalWatch", "hot"), at=60)

    assert asked(shelf.decide(60)) == [(2, Why.REOPENED)]


def test_a_checker_that_fails_too_is_nothing_new(shelf):
    shelf.store(problem("gpu-1", "GpuDcgmUnresponsive", "no answer"), at=60)

    assert asked(shelf.decide(60)) == []


def test_something_more_urgent_is_looked_at_again(shelf):
    shelf.store(problem("gpu-1", "NVSwitchFatalError", "fatal"), at=60)

    changes = shelf.decide(60)

    assert asked(changes) == [(2, Why.ESCALATED)]
    assert shelf.standing[0].urgency is Urgency.CRITICAL


def test_it_is_looked_at_again_once_a_burst(shelf):
    for moment, kind in [(60, "GpuThermalWatch"), (90, "SysLogsXIDError"), (120, "GpuSmWatch")]:
        shelf.store(problem("gpu-1", kind, "Xid 109"), at=moment)
        shelf.decide(moment)
        shelf.investigated()

    assert asked(shelf.changes) == [(1, Why.OPENED), (2, Why.REOPENED)]


def test_something_more_urgent_does_not_wait_for_the_next_burst(shelf):
    shelf.store(problem("gpu-1", "GpuThermalWatch", "hot"), at=60)
    shelf.decide(60)
    shelf.investigated()
    shelf.store(problem("gpu-1", "GpuCount", "7 of 8"), at=70)

    assert asked(shelf.decide(70)) == [(3, Why.ESCALATED)]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (InvestigationState.WANTED, []),
        (InvestigationState.QUEUED, [(2, Why.ESCALATED)]),
        (InvestigationState.RUNNING, [(2, Why.ESCALATED)]),
    ],
)
def test_what_an_investigation_will_still_see_needs_no_other_unless_it_waits_too_far_behind(state, expected):
    shelf = Shelf()
    shelf.store(problem("gpu-1", "GpuNvlink", "link down"))
    shelf.decide(2)
    shelf.investigated(state)
    shelf.store(problem("gpu-1", "GpuCount", "7 of 8"), at=30)

    assert asked(shelf.decide(30)) == expected


def test_a_new_family_before_the_investigation_began_only_joins():
    shelf = Shelf()
    shelf.store(problem("gpu-1", "GpuNvlink", "link down"))
    shelf.decide(2)
    shelf.investigated(InvestigationState.QUEUED)
    shelf.store(problem("gpu-1", "GpuThermalWatch", "hot"), at=30)

    assert [type(change) for change in shelf.decide(30)] == [Join]


def test_an_unlike_problem_long_after_is_an_incident_of_its_own(shelf):
    shelf.store(problem("gpu-1", "GpuThermalWatch", "hot"), at=1000)

    shelf.decide(1002)

    assert sorted(tuple(incident.kinds) for incident in shelf.standing) == [("GpuNvlink",), ("GpuThermalWatch",)]


def test_unknown_alert_names_are_not_one_family():
    shelf = Shelf()
    shelf.store(problem("gpu-1", "SomethingOdd", "?"))
    shelf.decide(2)
    shelf.store(problem("gpu-1", "QuiteAnother", "?"), at=1000)

    shelf.decide(1002)

    assert len(shelf.standing) == 2
