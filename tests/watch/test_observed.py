"""What one look at a node means, given what was known of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS, Family
from gcm_sentinel.domain.incident_record import Symptom
from gcm_sentinel.domain.trigger import TriggerStatus
from gcm_sentinel.watch.observed import diff, gone, remembered

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
T1, T2 = "2026-11-20T19:00:00Z", "2026-11-20T19:30:00Z"
AT1 = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)


def node(*conditions, uid="u1"):
    entries = [
        {"type": type_, "status": status, "lastTransitionTime": at, "reason": f"{type_}Reason", "message": "words"}
        for type_, status, at in conditions
    ]
    return {"metadata": {"name": "gpu-1", "uid": uid}, "status": {"conditions": entries}}


def look(previous, now_node, patterns=DEFAULT_WATCH_CONDITIONS):
    return diff(previous, now_node, patterns=patterns, now=NOW)


def after(*conditions, uid="u1"):
    return look(None, node(*conditions, uid=uid)).problems


def told(change):
    return [(trigger.kind, trigger.status) for trigger in change.triggers]


PROBLEM, UNKNOWN, RECOVERED = TriggerStatus.PROBLEM, TriggerStatus.UNKNOWN, TriggerStatus.RECOVERED


def test_a_healthy_node_is_neither_told_nor_remembered():
    change = look(None, node(("Ready", "True", T1), ("GpuCount", "False", T1), ("MemoryPressure", "True", T1)))

    assert (change.triggers, change.problems) == ((), ())


def test_a_problem_is_told_with_everything_its_condition_says():
    (trigger,) = look(None, node(("GpuCount", "True", T1))).triggers

    assert (trigger.source, trigger.node, trigger.node_uid, trigger.kind) == ("kubernetes", "gpu-1", "u1", "GpuCount")
    assert (trigger.reason, trigger.message, trigger.status) == ("GpuCountReason", "words", PROBLEM)
    assert (trigger.observed_at, trigger.transition_at) == (NOW, datetime(2026, 11, 20, 19, tzinfo=UTC))


@pytest.mark.parametrize(
    ("before", "now_conditions", "expected"),
    [
        (("GpuCount", "True", T1), ("GpuCount", "True", T1), []),
        (("GpuCount", "True", T1), ("GpuCount", "True", T2), [("GpuCount", PROBLEM)]),
        (("GpuCount", "True", T1), ("GpuCount", "Unknown", T2), [("GpuCount", UNKNOWN)]),
        (("GpuCount", "Unknown", T1), ("GpuCount", "True", T2), [("GpuCount", PROBLEM)]),
        (("GpuCount", "True", T1), ("GpuCount", "False", T2), [("GpuCount", RECOVERED)]),
        (("GpuCount", "Unknown", T1), ("GpuCount", "False", T2), [("GpuCount", RECOVERED)]),
        (("Ready", "True", T1), ("Ready", "Unknown", T2), [("Ready", PROBLEM)]),
        (("Ready", "Unknown", T1), ("Ready", "True", T2), [("Ready", RECOVERED)]),
        (("GpuCount", "False", T1), ("GpuCount", "False", T2), []),
    ],
    ids=[
        "still-bad", "went-away-and-came-back", "checker-lost-it", "checker-found-it", "recovered",
        "recovered-from-unknown", "kubelet-silent", "kubelet-back", "still-well",
    ],
)  # fmt: skip
def test_only_what_changed_is_told(before, now_conditions, expected):
    change = look(after(before), node(now_conditions))

    assert told(change) == expected


def test_a_heartbeat_or_another_message_is_no_news():
    before = after(("GpuCount", "True", T1))
    later = node(("GpuCount", "True", T1))
    later["status"]["conditions"][0] |= {"lastHeartbeatTime": T2, "message": "other words"}

    assert look(before, later).triggers == ()


def test_several_problems_are_told_one_by_one():
    before = after(("GpuCount", "True", T1), ("GpuXid", "True", T1))

    change = look(before, node(("GpuXid", "True", T1), ("GpuEcc", "True", T2), ("GpuCount", "False", T2)))

    assert told(change) == [("GpuEcc", PROBLEM), ("GpuCount", RECOVERED)]
    assert {problem.type for problem in change.problems} == {"GpuXid", "GpuEcc"}


def test_a_condition_that_is_no_longer_reported_recovers_in_so_many_words():
    (trigger,) = look(after(("GpuCount", "True", T1)), node()).triggers

    assert (trigger.status, trigger.reason) == (RECOVERED, "ConditionRemoved")


def test_a_condition_the_operator_no_longer_watches_recovers_in_so_many_words():
    (trigger,) = look(after(("GpuCount", "True", T1)), node(("GpuCount", "True", T1)), ("GpuXid",)).triggers

    assert (trigger.status, trigger.reason) == (RECOVERED, "ConditionNotWatched")


def test_each_removal_of_a_condition_is_a_recovery_of_its_own():
    (first,) = look(after(("GpuCount", "True", T1)), node()).triggers
    (second,) = look(after(("GpuCount", "True", T2)), node()).triggers

    assert first.fingerprint != second.fingerprint


def test_a_node_created_anew_under_the_same_name_fires_again_after_its_predecessor_recovered():
    change = look(after(("GpuCount", "True", T1)), node(("GpuCount", "True", T1), uid="u2"))

    assert told(change) == [("GpuCount", RECOVERED), ("GpuCount", PROBLEM)]
    assert [(trigger.node_uid, trigger.reason) for trigger in change.triggers] == [
        ("u1", "NodeDeleted"),
        ("u2", "GpuCountReason"),
    ]
    assert [problem.node_uid for problem in change.problems] == ["u2"]


def test_a_healthy_successor_ends_the_problems_of_the_node_before():
    change = look(after(("GpuCount", "True", T1)), node(("GpuCount", "False", T2), uid="u2"))

    assert [(trigger.node_uid, trigger.status) for trigger in change.triggers] == [("u1", RECOVERED)]
    assert change.problems == ()


def test_every_problem_of_a_deleted_node_recovers():
    triggers = gone(node(), after(("GpuCount", "True", T1), ("Ready", "Unknown", T2)), NOW)

    assert {(trigger.node, trigger.node_uid, trigger.status, trigger.reason) for trigger in triggers} == {
        ("gpu-1", "u1", RECOVERED, "NodeDeleted")
    }
    assert [trigger.kind for trigger in triggers] == ["GpuCount", "Ready"]


@pytest.mark.parametrize(
    ("version", "expected"), [("1234", 1234), ("", None), ("a9", None), (None, None), ("9" * 30, None)]
)
def test_a_trigger_carries_the_servers_own_order_of_things(version, expected):
    bad = node(("GpuCount", "True", T1))
    bad["metadata"]["resourceVersion"] = version

    assert [trigger.sequence for trigger in look(None, bad).triggers] == [expected]
    assert [trigger.sequence for trigger in gone(bad, look(None, bad).problems, NOW)] == [expected]


def symptom(kind, since, status=PROBLEM, uid="u1"):
    return Symptom("gpu-1", kind, Family.GPU, status, since, node_uid=uid)


def test_what_storage_knows_is_no_news():
    known = remembered([symptom("GpuCount", AT1), symptom("GpuXid", AT1, UNKNOWN)])

    change = look(known["gpu-1"], node(("GpuCount", "True", T1), ("GpuXid", "Unknown", T1)))

    assert change.triggers == ()


def test_what_changed_since_it_was_stored_is_told():
    known = remembered([symptom("GpuCount", AT1), symptom("GpuXid", AT1), symptom("GpuEcc", AT1)])

    change = look(known["gpu-1"], node(("GpuCount", "True", T2), ("GpuXid", "False", T2)))

    assert told(change) == [("GpuCount", PROBLEM), ("GpuXid", RECOVERED), ("GpuEcc", RECOVERED)]


def test_a_stored_problem_without_a_uid_is_the_present_nodes():
    known = remembered([symptom("GpuCount", AT1, uid="")])

    assert look(known["gpu-1"], node(("GpuCount", "True", T1), uid="u2")).triggers == ()


def test_a_reporter_that_dates_nothing_is_not_told_again_after_a_restart():
    undated = node(("GpuCount", "True", None))

    assert look(remembered([symptom("GpuCount", NOW)])["gpu-1"], undated).triggers == ()
    assert told(look(remembered([symptom("GpuCount", NOW, UNKNOWN)])["gpu-1"], undated)) == [("GpuCount", PROBLEM)]


def test_custom_types_count_only_when_listed():
    custom = node(("SiteCheck", "False", T1))

    assert told(look(None, custom)) == []
    assert told(look(None, custom, ("SiteCheck=False",))) == [("SiteCheck", PROBLEM)]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"metadata": None, "status": None},
        {"metadata": {"name": "n"}, "status": {"conditions": None}},
        {"metadata": {"name": "n"}, "status": {"conditions": [None, {}, {"type": 3}, {"type": "GpuCount"}]}},
        {"metadata": {"name": "n"}, "status": {"conditions": [{"type": "GpuXid", "status": "True", "x": 5}]}},
    ],
)  # fmt: skip
def test_an_odd_object_is_survived(odd):
    assert isinstance(look(None, odd).triggers, tuple)
