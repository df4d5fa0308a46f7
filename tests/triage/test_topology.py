"""The fleet's groups, from node labels and from what labels do not say."""

from __future__ import annotations

import tracemalloc

import pytest

from gcm_sentinel.domain.topology import DEFAULT_TOPOLOGY_LABELS, NodeObserver
from gcm_sentinel.domain.trigger import FaultScope
from gcm_sentinel.triage.topology import FleetTopology

LABELS = {"rack": "site/rack", "zone": "site/zone"}
RACK = FaultScope("rack", "r1")


@pytest.fixture
def fleet():
    found = FleetTopology(LABELS)
    found.seen("n1", {"site/rack": "r1", "site/zone": "z"})
    found.seen("n2", {"site/rack": "r1"})
    return found


def test_labels_say_which_groups_a_node_is_in(fleet):
    assert fleet.view().groups_of == {"n1": (RACK, FaultScope("zone", "z")), "n2": (RACK,)}


def test_a_group_is_as_large_as_its_nodes_are_many(fleet):
    assert fleet.view().size_of == {RACK: 2, FaultScope("zone", "z"): 1}


@pytest.mark.parametrize("labels", [{}, {"site/rack": ""}, {"other": "r1"}], ids=["none", "empty", "unknown"])
def test_a_node_without_groups_is_left_out(fleet, labels):
    fleet.seen("n3", labels)

    assert "n3" not in fleet.view().groups_of


def test_a_node_that_moves_changes_its_group(fleet):
    fleet.seen("n2", {"site/rack": "r2"})

    assert fleet.view().size_of[RACK] == 1


def test_a_node_that_is_gone_counts_no_more(fleet):
    fleet.gone("n2")
    fleet.gone("never-seen")

    assert fleet.view().size_of[RACK] == 1


def test_the_view_is_the_same_object_until_something_changes(fleet):
    before = fleet.view()
    fleet.seen("n2", {"site/rack": "r1", "unrelated": "label"})
    assert fleet.view() is before

    fleet.seen("n4", {"site/rack": "r1"})
    assert fleet.view() is not before
    assert before.size_of[RACK] == 2


def test_an_overlay_adds_what_no_label_says(fleet):
    fleet.overlay("job", {"n1": "train-7", "n2": "train-7"})

    assert fleet.view().size_of[FaultScope("job", "train-7")] == 2


def test_an_overlay_wins_over_a_label_and_is_replaced_whole(fleet):
    fleet.overlay("rack", {"n1": "r9"})
    assert fleet.view().groups_of["n1"] == (FaultScope("zone", "z"), FaultScope("rack", "r9"))

    fleet.overlay("rack", {})
    assert RACK in fleet.view().groups_of["n1"]


def test_an_overlay_makes_no_nodes(fleet):
    fleet.overlay("job", {"long-gone": "train-7", "n1": "train-7"})

    assert fleet.view().size_of[FaultScope("job", "train-7")] == 1


def test_it_observes_nodes():
    observer: NodeObserver = FleetTopology()

    observer.seen("n1", {DEFAULT_TOPOLOGY_LABELS["rack"]: "r1"})


def test_a_large_fleet_is_small():
    fleet = FleetTopology({kind: kind for kind in ("leaf", "rack", "feed", "driver", "zone", "type")})
    names = [f"gpu-node-{number:05d}" for number in range(5_000)]
    tracemalloc.start()
    try:
        for number, name in enumerate(names):
            labels = {"leaf": number // 32, "rack": number // 32, "feed": number // 640, "driver": number % 2}
            fleet.seen(name, {**{key: f"{key}-{value}" for key, value in labels.items()}, "zone": "z", "type": "h"})
        fleet.view()
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert used < 300 * len(names)
