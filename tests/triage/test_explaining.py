"""Which groups of the fleet explain the affected nodes."""

from __future__ import annotations

import pytest
from tests.triage.shelf import fleet_of

from gcm_sentinel.triage.groups import explain

NODES = [f"n{number:03d}" for number in range(128)]


def parts(prefix, size, nodes=NODES):
    return {f"{prefix}{start // size}": nodes[start : start + size] for start in range(0, len(nodes), size)}


def found(affected, fleet, min_nodes=3, min_share=0.5):
    return [str(one.scope) for one in explain(affected, fleet, min_nodes=min_nodes, min_share=min_share)]


RACKS = parts("r", 16)
LEAVES = parts("l", 64)


@pytest.mark.parametrize(
    ("affected", "expected"),
    [
        (RACKS["r1"], ["rack r1"]),
        (RACKS["r1"][:8], ["rack r1"]),
        (RACKS["r1"][:7], []),
        (RACKS["r0"] + RACKS["r1"] + RACKS["r2"] + RACKS["r3"], ["leaf_switch l0"]),
        (RACKS["r0"] + RACKS["r1"] + RACKS["r2"], ["leaf_switch l0"]),
        (RACKS["r0"] + RACKS["r5"], ["rack r0", "rack r5"]),
        (["elsewhere", "unknown", "nowhere"], []),
        ([], []),
    ],
    ids=["whole", "half", "too-few", "all-of-a-leaf", "most-of-a-leaf", "two-racks", "not-in-the-fleet", "none"],
)
def test_the_group_that_fits_best_wins(affected, expected):
    fleet = fleet_of({"leaf_switch": LEAVES, "rack": RACKS})

    assert found(affected, fleet) == expected


def test_of_two_groups_of_the_same_nodes_the_more_specific_wins():
    fleet = fleet_of({"driver_version": {"v": NODES[:20]}, "rack": {"r": NODES[:20]}, "zone": {"z": NODES}})

    assert found(NODES[:20], fleet) == ["rack r"]


def test_a_key_of_an_operator_is_less_specific_than_the_known_ones():
    fleet = fleet_of({"cooling_loop": {"c": NODES[:20]}, "rack": {"r": NODES[:20]}, "zone": {"z": NODES}})

    assert found(NODES[:20], fleet) == ["rack r"]


def test_a_group_of_one_never_counts():
    fleet = fleet_of({"rack": {node: [node] for node in NODES}})

    assert found(NODES, fleet, min_nodes=1) == []


def test_everything_fails_and_everything_shares_a_driver():
    fleet = fleet_of({"driver_version": {"v": NODES}, "rack": RACKS})

    assert found(NODES, fleet) == ["driver_version v"]


def test_what_everybody_shares_does_not_explain_what_racks_explain_better():
    fleet = fleet_of({"driver_version": {"v": NODES}, "rack": RACKS})
    affected = [node for rack in ("r0", "r1", "r4", "r6", "r7") for node in RACKS[rack]]

    assert found(affected, fleet) == ["rack r0", "rack r1", "rack r4", "rack r6", "rack r7"]


def test_a_zone_with_three_dead_switches_is_three_dead_switches():
    nodes = [f"m{number:04d}" for number in range(1000)]
    fleet = fleet_of({"leaf_switch": parts("l", 80, nodes[:400]), "zone": {"a": nodes[:400], "b": nodes[400:]}})

    assert found(nodes[:240], fleet) == ["leaf_switch l0", "leaf_switch l1", "leaf_switch l2"]


def test_a_switch_that_spares_a_few_nodes_is_still_the_switch():
    fleet = fleet_of({"leaf_switch": LEAVES, "nvlink_domain": parts("d", 8)})

    assert found(NODES[:56], fleet) == ["leaf_switch l0"]


def test_where_half_the_fleet_fails_half_of_a_group_says_nothing():
    fleet = fleet_of({"rack": RACKS})

    assert found(NODES[::2], fleet) == []


def test_a_node_already_explained_speaks_neither_for_nor_against_another_group():
    driver = [*RACKS["r0"][:12], *NODES[64:72]]
    fleet = fleet_of({"rack": RACKS, "driver_version": {"new": driver, "old": [n for n in NODES if n not in driver]}})

    assert found([*RACKS["r0"], *driver], fleet) == ["driver_version new", "rack r0"]


def test_each_node_is_explained_once():
    fleet = fleet_of({"leaf_switch": LEAVES, "rack": RACKS, "driver_version": {"v": NODES[::3], "w": NODES[1::3]}})

    explained = explain([*RACKS["r1"], *NODES[::3]], fleet, min_nodes=3, min_share=0.5)

    nodes = [node for one in explained for node in one.nodes]
    assert len(nodes) == len(set(nodes))
