"""Nodes that fail together by what they share become one incident about that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.triage.shelf import Shelf, fleet_of, problem

from gcm_sentinel.domain.incident_record import IncidentState, InvestigationState, TriggerState, Urgency
from gcm_sentinel.domain.triage_changes import Investigate, Join, Merge
from gcm_sentinel.domain.trigger import FaultScope, TriggerStatus

NODES = [f"n{number:02d}" for number in range(64)]
LEAVES = {f"leaf-{number}": NODES[number * 16 : number * 16 + 16] for number in range(4)}
RACKS = {f"r{number}": NODES[number * 8 : number * 8 + 8] for number in range(8)}
NEW_DRIVER = NODES[3::5]
DRIVERS = {"570": NEW_DRIVER, "560": [node for node in NODES if node not in NEW_DRIVER]}
FLEET = fleet_of({"leaf_switch": LEAVES, "rack": RACKS, "driver_version": DRIVERS, "zone": {"z": NODES}})
LEAF = FaultScope("leaf_switch", "leaf-1")


@pytest.fixture
def shelf():
    return Shelf(fleet=FLEET)


def scopes(shelf):
    return {str(incident.scope) for incident in shelf.standing}


def test_a_dead_switch_is_one_incident_with_a_list(shelf):
    shelf.store(*(problem(node, "IbDev") for node in LEAVES["leaf-1"]))

    shelf.decide(2)

    (incident,) = shelf.standing
    assert incident.scope == LEAF
    assert incident.nodes == set(LEAVES["leaf-1"])
    assert incident.urgency is Urgency.CRITICAL


def test_a_driver_rollout_is_found_though_its_nodes_stand_in_all_racks(shelf):
    shelf.store(*(problem(node, "GpuXid", "Xid 119") for node in NEW_DRIVER))

    shelf.decide(2)

    assert scopes(shelf) == {"driver_version 570"}


def test_two_nodes_are_no_storm(shelf):
    shelf.store(*(problem(node, "IbDev") for node in LEAVES["leaf-1"][:2]))

    shelf.decide(2)

    assert {incident.scope.kind for incident in shelf.standing} == {"node"}


def test_a_few_nodes_of_a_large_group_are_no_storm(shelf):
    shelf.store(*(problem(node, "IbDev") for node in LEAVES["leaf-1"][::5]))

    shelf.decide(2)

    assert len(shelf.standing) == 4


def test_nodes_with_unlike_faults_are_no_storm(shelf):
    kinds = ["IbDev", "GpuXid", "ReadonlyFilesystem", "CSPMaintenance"]
    shelf.store(*(problem(node, kind) for node, kind in zip(RACKS["r0"], kinds, strict=False)))

    shelf.decide(2)

    assert {incident.scope.kind for incident in shelf.standing} == {"node"}


def test_several_causes_at_once_are_told_apart(shelf):
    shelf.store(*(problem(node, "IbDev") for leaf in ("leaf-0", "leaf-2") for node in LEAVES[leaf]))
    shelf.store(*(problem(node, "Ready") for node in RACKS["r3"]))

    shelf.decide(2)

    assert scopes(shelf) == {"leaf_switch leaf-0", "leaf_switch leaf-2", "rack r3"}


def test_an_unrelated_fault_of_a_member_stays_an_incident_of_its_node(shelf):
    shelf.store(*(problem(node, "IbDev") for node in LEAVES["leaf-1"]))
    shelf.store(problem(LEAVES["leaf-1"][4], "GpuEcc", "double-bit error"))

    shelf.decide(2)

    assert scopes(shelf) == {str(LEAF), f"node {LEAVES['leaf-1'][4]}"}


@pytest.mark.parametrize("kind", ["Ready", "GpuDcgmUnresponsive"])
def test_what_follows_from_a_dead_switch_is_part_of_it(shelf, kind):
    shelf.store(*(problem(node, "IbDev") for node in LEAVES["leaf-1"]))
    shelf.store(*(problem(node, kind) for node in LEAVES["leaf-1"][:7]))

    shelf.decide(2)

    assert scopes(shelf) == {str(LEAF)}


def test_a_checker_that_cannot_tell_follows_from_a_dead_switch(shelf):
    shelf.store(*(problem(node, "IbDev") for node in LEAVES["leaf-1"]))
    shelf.store(problem(LEAVES["leaf-1"][0], "GpuEcc", status=TriggerStatus.UNKNOWN))

    shelf.decide(2)

    assert scopes(shelf) == {str(LEAF)}


def test_a_dead_network_does_not_follow_from_a_driver(shelf):
    shelf.store(*(problem(node, "GpuXid", "Xid 119") for node in NEW_DRIVER))
    shelf.store(problem(NEW_DRIVER[0], "IbDev"))

    shelf.decide(2)

    assert scopes(shelf) == {"driver_version 570", f"node {NEW_DRIVER[0]}"}


def test_young_incidents_of_nodes_are_merged_into_the_storm_they_were_the_first_of(shelf):
    first, *rest = LEAVES["leaf-1"]
    shelf.store(problem(first, "IbDev"), at=0)
    shelf.decide(2)
    shelf.store(*(problem(node, "IbDev", at=30) for node in rest), at=30)

    shelf.decide(32)

    assert scopes(shelf) == {str(LEAF)}
    assert shelf.standing[0].nodes == set(LEAVES["leaf-1"])
    assert sum(isinstance(change, Merge) for change in shelf.changes) == 1


def test_an_investigated_incident_is_not_merged(shelf):
    first, *rest = LEAVES["leaf-1"]
    shelf.store(problem(first, "IbDev"), at=0)
    shelf.decide(2)
    shelf.investigated()
    shelf.store(*(problem(node, "IbDev", at=30) for node in rest), at=30)

    shelf.decide(32)

    assert scopes(shelf) == {str(LEAF), f"node {first}"}


def test_a_group_that_turns_out_to_be_part_of_a_larger_one_is_merged_into_it(shelf):
    shelf.store(*(problem(node, "IbDev") for node in RACKS["r2"]), at=0)
    shelf.decide(2)
    assert scopes(shelf) == {"rack r2"}
    shelf.store(*(problem(node, "IbDev", at=20) for node in RACKS["r3"]), at=20)

    shelf.decide(22)

    assert scopes(shelf) == {str(LEAF)}


@pytest.mark.parametrize("kind", ["IbDev", "Ready"])
def test_a_late_member_joins_without_another_investigation(shelf, kind):
    *most, late = LEAVES["leaf-1"]
    shelf.store(*(problem(node, "IbDev") for node in most), at=0)
    shelf.decide(2)
    shelf.investigated()
    shelf.store(problem(late, kind), at=90)

    changes = shelf.decide(90)

    assert [type(change) for change in changes] == [Join]
    assert late in shelf.standing[0].nodes


def test_a_member_that_fails_after_the_burst_is_an_incident_of_its_own(shelf):
    *most, late = LEAVES["leaf-1"]
    shelf.store(*(problem(node, "IbDev") for node in most), at=0)
    shelf.decide(2)
    shelf.investigated()
    shelf.store(problem(late, "IbDev", at=900), at=900)

    shelf.decide(902)

    assert scopes(shelf) == {str(LEAF), f"node {late}"}


def test_the_first_storm_that_came_back_is_the_same_incident(shelf):
    shelf.store(*(problem(node, "IbDev") for node in LEAVES["leaf-1"]), at=0)
    shelf.decide(2)
    shelf.investigated()
    shelf.store(*(problem(n, "IbDev", at=50, status=TriggerStatus.RECOVERED) for n in LEAVES["leaf-1"]), at=50)
    shelf.decide(50)
    shelf.store(*(problem(node, "IbDev", at=80) for node in LEAVES["leaf-1"]), at=80)

    shelf.decide(80)

    assert [(i.scope, i.state, i.flaps, i.revision) for i in shelf.standing] == [(LEAF, IncidentState.OPEN, 1, 1)]


def test_harmless_symptoms_of_many_nodes_are_a_warning(shelf):
    shelf.store(*(problem(node, "GpuXid", "Xid 31") for node in NEW_DRIVER))

    shelf.decide(2)

    assert shelf.standing[0].urgency is Urgency.WARNING


def test_a_storm_that_was_investigated_an_hour_ago_waits_for_its_cool_down(shelf):
    shelf.store(*(problem(node, "IbDev") for node in LEAVES["leaf-1"]), at=0)
    shelf.decide(2)
    for id_, incident in shelf.incidents.items():
        shelf.incidents[id_] = replace(incident, state=IncidentState.CLOSED, closed_at=incident.opened_at)
    ids = shelf.store(*(problem(node, "IbDev", at=1800) for node in LEAVES["leaf-1"]), at=1800)

    shelf.decide(1802)

    assert {shelf.triggers[id_].state for id_ in ids} == {TriggerState.HELD}


def test_a_storm_is_more_urgent_than_its_nodes_were_and_passes_their_cool_downs(shelf):
    for number, node in enumerate(LEAVES["leaf-1"][:8]):
        shelf.store(problem(node, "GpuNvlink", "link down", at=number * 400), at=number * 400)
        shelf.decide(number * 400 + 2)
    for id_, incident in shelf.incidents.items():
        shelf.incidents[id_] = replace(incident, state=IncidentState.CLOSED, closed_at=incident.opened_at)
    shelf.store(*(problem(node, "GpuNvlink", "link down", at=3300) for node in LEAVES["leaf-1"][:8]), at=3300)

    shelf.decide(3302)

    assert scopes(shelf) == {"rack r2"}


def test_a_new_line_of_symptoms_in_the_same_group_is_the_same_incident_looked_at_again(shelf):
    shelf.store(*(problem(node, "IbDev") for node in LEAVES["leaf-1"]), at=0)
    shelf.decide(2)
    shelf.investigated()
    shelf.store(*(problem(node, "ReadonlyFilesystem", at=60) for node in LEAVES["leaf-1"]), at=60)

    changes = shelf.decide(62)

    assert scopes(shelf) == {str(LEAF)}
    assert [change.revision for change in changes if isinstance(change, Investigate)] == [2]


def test_a_running_investigation_of_a_young_node_incident_does_not_keep_it_apart(shelf):
    first, *rest = LEAVES["leaf-1"]
    shelf.store(problem(first, "IbDev"), at=0)
    shelf.decide(2)
    shelf.investigated(InvestigationState.RUNNING)
    shelf.store(*(problem(node, "IbDev", at=3) for node in rest), at=3)

    shelf.decide(5)

    assert scopes(shelf) == {str(LEAF)}


def test_long_standing_faults_first_seen_together_are_no_storm(shelf):
    weeks = [7 * 86_400 * count for count in (1, 2, 3, 5)]
    rack = RACKS["r0"][:4]
    shelf.fleet = fleet_of({"rack": {"r0": rack, "r1": RACKS["r1"]}})
    shelf.store(*(problem(node, at=-ago) for node, ago in zip(rack, weeks, strict=True)))

    shelf.decide(2)

    assert scopes(shelf) == {f"node {node}" for node in rack}


def test_long_standing_faults_are_no_storm_when_their_nodes_are_seen_one_after_the_other(shelf):
    rack = RACKS["r0"][:4]
    shelf.fleet = fleet_of({"rack": {"r0": rack, "r1": RACKS["r1"]}})
    for moment, node in zip((0, 10, 20, 30), rack, strict=True):
        shelf.store(problem(node, at=-86_400 * (moment + 1)), at=moment)
        shelf.decide(moment + 2)

    assert scopes(shelf) == {f"node {node}" for node in rack}


def test_a_storm_from_while_nobody_watched_is_still_one(shelf):
    shelf.store(*(problem(node, "IbDev", at=-7200 + 20 * n) for n, node in enumerate(LEAVES["leaf-1"])))

    shelf.decide(2)

    assert scopes(shelf) == {str(LEAF)}


def test_clocks_of_nodes_that_differ_by_minutes_do_not_part_a_storm(shelf):
    shelf.store(*(problem(node, "IbDev", at=-170 * (n % 2) + 900 * (n % 3)) for n, node in enumerate(LEAVES["leaf-1"])))

    shelf.decide(2)

    assert scopes(shelf) == {str(LEAF)}


def test_members_that_flap_for_hours_do_not_swallow_a_new_fault_of_another_member(shelf):
    *most, late = LEAVES["leaf-1"]
    shelf.store(*(problem(node, "IbDev") for node in most), at=0)
    shelf.decide(2)
    shelf.investigated()
    for moment in range(120, 7200, 120):
        shelf.store(problem(most[0], "IbDev", at=moment), at=moment)
        shelf.decide(moment)
    shelf.store(problem(late, "IbDev", at=7200), at=7200)

    shelf.decide(7202)

    assert scopes(shelf) == {str(LEAF), f"node {late}"}
