"""Of which nodes the fleet consists, and which of them are out of service."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.acting_gate.conftest import NOW

from gcm_sentinel.domain.acting_policy import ActingPolicy
from gcm_sentinel.remediation.breaker import overload
from gcm_sentinel.remediation.nodes import capacity_of


def stamp(minutes_ago):
    return (NOW - timedelta(minutes=minutes_ago)).isoformat().replace("+00:00", "Z")


def node(name, *, ready="True", age_min=6000.0, changed_min=3000.0, **metadata):
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": stamp(changed_min)}
    return {
        "metadata": {"name": name, "creationTimestamp": stamp(age_min), **metadata},
        "spec": {},
        "status": {"capacity": {"nvidia.com/gpu": "8"}, "conditions": [condition] if ready else []},
    }


OLD = [node(f"old-{number}") for number in range(20)]


@pytest.mark.parametrize(
    "comes_or_goes",
    [
        {"ready": ""},
        {"ready": "False", "age_min": 9, "changed_min": 5},
        {"ready": "False", "age_min": 30, "changed_min": 30},
        {"ready": "Unknown", "age_min": 30, "changed_min": 29.5},
        {"deletionTimestamp": stamp(1)},
    ],
)
def test_nodes_that_come_or_go_are_neither_there_nor_out(comes_or_goes):
    counted = capacity_of([*OLD, *(node(f"new-{number}", **comes_or_goes) for number in range(10))], NOW)

    assert (len(counted.nodes), len(counted.out)) == (20, 0)
    assert overload(counted, ActingPolicy()) == ""


@pytest.mark.parametrize("was_ready", [{"age_min": 11, "changed_min": 5}, {"age_min": 6000, "changed_min": 1}])
def test_a_node_that_was_ready_once_and_is_not_is_out(was_ready):
    assert capacity_of([*OLD, node("sick", ready="Unknown", **was_ready)], NOW).out == {"sick"}


def test_a_new_node_that_is_ready_counts():
    assert "new" in capacity_of([*OLD, node("new", age_min=2, changed_min=1)], NOW).nodes
