"""What one look at a node means, given what was known of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gcm_sentinel.domain.conditions import DEFAULT_WATCH_CONDITIONS
from gcm_sentinel.domain.trigger import TriggerStatus
from gcm_sentinel.watch.observed import diff

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
T1, T2 = "2026-11-20T19:00:00Z", "2026-11-20T19:30:00Z"


def node(*conditions, uid="u1"):
    entries = [
        {"type": type_, "status": status, "lastTransitionTime": at, "reason": f"{type_}Reason", "message": "words"}
        for type_, status, at in conditions
    ]
    return {"metadata": {"name": "gpu-1", "uid": uid}, "status": {"conditions": entries}}


def look(previous, now_node, patterns=DEFAULT_WATCH_CONDITIONS):
    return diff(previous, now_node, patterns=patterns, now=NOW)


def after(*conditions, uid="u1"):
    return look(None, node(*conditions, uid=uid)).node


def told(change):
    return [(trigger.kind, trigger.status) for trigger in change.triggers]


PROBLEM, UNKNOWN, RECOVERED = TriggerStatus.PROBLEM, TriggerStatus.UNKNOWN, TriggerStatus.RECOVERED


def test_a_healthy_node_is_neither_told_nor_remembered():
    change = look(None, node(("Ready", "True", T1), ("GpuCount", "False", T1), ("MemoryPressure", "True", T1)))

    assert (change.triggers, change.node) == ((), None)


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
    assert {problem.type for problem in change.node.active} == {"GpuXid", "GpuEcc"}


def test_a_condition_that_is_no_longer_reported_recovers_in_so_many_words():
    (trigger,) = look(after(("GpuCount", "True", T1)), node()).triggers

    assert (trigger.status, trigger.reason) == (RECOVERED, "ConditionRemoved")


def test_a_node_created_anew_under_the_same_name_fires_again():
    change = look(after(("GpuCount", "True", T1)), node(("GpuCount", "True", T1), uid="u2"))

    assert told(change) == [("GpuCount", PROBLEM)]
    assert change.node.uid == "u2"


def test_a_healthy_successor_does_not_mean_the_old_node_recovered():
    change = look(after(("GpuCount", "True", T1)), node(("GpuCount", "False", T2), uid="u2"))

    assert (change.triggers, change.node) == ((), None)


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
