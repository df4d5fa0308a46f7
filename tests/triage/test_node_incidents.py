"""What goes wrong on one node at one time is one incident, led by what began first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.triage.shelf import Shelf, problem, seconds

from gcm_sentinel.domain.incident_record import Urgency, Why
from gcm_sentinel.domain.triage_changes import Investigate, OpenIncident


def opened(shelf):
    return [change for change in shelf.changes if isinstance(change, OpenIncident)]


def test_problems_of_one_node_are_one_incident_and_are_investigated_once():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), problem("gpu-1", "GpuCount"), problem("gpu-1", "Ready"))

    shelf.decide(2)

    assert [incident.kinds for incident in shelf.standing] == [{"GpuXid", "GpuCount", "Ready"}]
    assert [(c.revision, c.why) for c in shelf.changes if isinstance(c, Investigate)] == [(1, Why.OPENED)]


def test_two_nodes_are_two_incidents():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), problem("gpu-2"))

    shelf.decide(2)

    assert {incident.scope.key for incident in shelf.standing} == {"gpu-1", "gpu-2"}


def test_the_earliest_onset_leads_however_they_came():
    shelf = Shelf()
    late, early = problem("gpu-1", at=0), problem("gpu-1", "GpuCount", at=-300)
    ids = shelf.store(late, early)

    shelf.decide(2)

    assert opened(shelf)[0].trigger_ids == tuple(reversed(ids))


def test_of_equal_onset_the_more_urgent_leads():
    shelf = Shelf()
    ids = shelf.store(problem("gpu-1", message="Xid 13"), problem("gpu-1", "GpuNvlink", "link down"))

    shelf.decide(2)

    assert opened(shelf)[0].trigger_ids == tuple(reversed(ids))


def test_an_incident_is_as_urgent_as_its_most_urgent_trigger():
    shelf = Shelf()
    shelf.store(problem("gpu-1", message="Xid 13"), problem("gpu-1", "GpuCount", "7 of 8"))

    shelf.decide(2)

    assert shelf.standing[0].urgency is Urgency.CRITICAL


@pytest.mark.parametrize("kind", ["IbDev", "ReadonlyFilesystem", "CSPMaintenance"])
def test_network_storage_and_maintenance_fold_with_the_rest_only_at_one_moment(kind):
    together, apart = Shelf(), Shelf()
    together.store(problem("gpu-1"), problem("gpu-1", kind))
    together.decide(2)
    apart.store(problem("gpu-1"), at=0)
    apart.decide(2)
    apart.store(problem("gpu-1", kind), at=60)
    apart.decide(62)

    assert len(together.standing) == 1
    assert len(apart.standing) == 2


def test_symptoms_of_one_line_join_within_the_burst_before_anyone_looked():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), at=0)
    shelf.decide(2)
    shelf.store(problem("gpu-1", "Ready"), at=100)

    shelf.decide(100)

    assert [incident.revision for incident in shelf.standing] == [1]


def test_what_comes_after_the_burst_and_is_unlike_it_is_another_incident():
    shelf = Shelf()
    shelf.store(problem("gpu-1"), at=0)
    shelf.decide(2)
    shelf.store(problem("gpu-1", "Ready"), at=600)

    shelf.decide(602)

    assert sorted(len(incident.kinds) for incident in shelf.standing) == [1, 1]


def test_the_same_triggers_give_the_same_incident_id():
    one, other = Shelf(), Shelf()
    one.store(problem("gpu-1"), problem("gpu-1", "GpuCount", at=-1))
    other.store(problem("gpu-1", "GpuCount", at=-1), problem("gpu-1"))

    one.decide(2)
    other.decide(20)

    assert one.standing[0].id == other.standing[0].id


def test_a_problem_nobody_dates_has_another_id_when_it_comes_again():
    undated = problem("gpu-1", transition_at=None)
    one, other = Shelf(), Shelf()
    one.store(undated)
    other.store(replace(undated, observed_at=undated.observed_at + seconds(7200)))

    one.decide(2)
    other.decide(7202)

    assert one.standing[0].id != other.standing[0].id


def test_a_backlog_found_at_the_start_is_one_incident_a_node():
    shelf = Shelf()
    shelf.store(*(problem("gpu-1", kind, at=-86400 * days) for days, kind in enumerate(["GpuXid", "IbDev", "Ready"])))

    shelf.decide(2)

    assert len(shelf.standing) == 1
