"""Triggers that are not stored, of an investigation by hand, are one incident a node."""

from __future__ import annotations

from tests.triage.shelf import T0, problem, seconds

from gcm_sentinel.triage.fold import fold

XID, COUNT = problem("gpu-1"), problem("gpu-1", "GpuCount", at=-5)


def test_folds_one_node_into_one_incident_led_by_the_earliest():
    (incident,) = fold([XID, COUNT], T0)

    assert [trigger.kind for trigger in incident.triggers] == ["GpuCount", "GpuXid"]


def test_the_same_triggers_give_the_same_incident_id():
    assert fold([XID, COUNT], T0)[0].id == fold([COUNT, XID], T0 + seconds(3600))[0].id


def test_another_transition_is_another_incident():
    assert fold([XID], T0)[0].id != fold([problem("gpu-1", at=60)], T0)[0].id
