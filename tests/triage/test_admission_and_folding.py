"""One investigation per node and kind within the cool-down, one incident per node and moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gcm_sentinel.domain.trigger import Trigger, TriggerStatus
from gcm_sentinel.triage.admission import CoolDown
from gcm_sentinel.triage.fold import fold

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
XID = Trigger("kubernetes", "gpu-1", "GpuXid", TriggerStatus.PROBLEM, "GpuXidBad", "Xid 79", NOW, NOW)
COUNT = replace(XID, kind="GpuCount", transition_at=NOW - timedelta(seconds=5))
HOUR = timedelta(hours=1)


@pytest.fixture
def stamped():
    (incident,) = fold([XID], NOW)
    return CoolDown(HOUR).stamped(incident, NOW)


def test_admits_the_first_problem():
    assert CoolDown(HOUR).rule(XID, NOW).admitted


def test_refuses_the_same_kind_within_the_cool_down_and_says_how_long(stamped):
    ruling = stamped.rule(XID, NOW + timedelta(minutes=50))

    assert not ruling.admitted
    assert ruling.reason == "cool-down of gpu-1/GpuXid: 600 s left"


@pytest.mark.parametrize("trigger", [COUNT, replace(XID, node="gpu-2")], ids=["another-kind", "another-node"])
def test_admits_what_is_not_cooling_down(stamped, trigger):
    assert stamped.rule(trigger, NOW).admitted


def test_admits_again_after_the_cool_down(stamped):
    assert stamped.rule(XID, NOW + HOUR).admitted


def test_a_failed_investigation_gives_its_stamp_back(stamped):
    (incident,) = fold([XID], NOW)

    assert stamped.released(incident).rule(XID, NOW).admitted


def test_a_recovery_is_never_investigated():
    assert not CoolDown(HOUR).rule(replace(XID, status=TriggerStatus.RECOVERED), NOW).admitted


def test_an_unknown_condition_is_investigated():
    assert CoolDown(HOUR).rule(replace(XID, status=TriggerStatus.UNKNOWN), NOW).admitted


def test_folds_one_node_into_one_incident_led_by_the_earliest():
    (incident,) = fold([XID, COUNT], NOW)

    assert [trigger.kind for trigger in incident.triggers] == ["GpuCount", "GpuXid"]


def test_the_same_triggers_give_the_same_incident_id():
    assert fold([XID, COUNT], NOW)[0].id == fold([COUNT, XID], NOW + HOUR)[0].id


def test_another_transition_is_another_incident():
    later = replace(XID, transition_at=NOW + HOUR)

    assert fold([XID], NOW)[0].id != fold([later], NOW)[0].id
