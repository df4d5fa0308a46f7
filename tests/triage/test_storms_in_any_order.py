"""A storm comes out the same however its triggers are ordered, cut into batches and decided on in between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.triage.shelf import Shelf, fleet_of, problem

from gcm_sentinel.domain.incident_record import TriggerState

pytestmark = pytest.mark.slow

NODES = [f"n{number:03d}" for number in range(240)]
NEW = [node for number, node in enumerate(NODES[48:]) if number % 5 == 2 and number % 48 > 8]
GROUPS = {
    "nvlink_domain": {f"d{start}": NODES[start : start + 4] for start in range(0, 240, 4)},
    "rack": {f"r{start}": NODES[start : start + 8] for start in range(0, 240, 8)},
    "leaf_switch": {f"l{start}": NODES[start : start + 24] for start in range(0, 240, 24)},
    "driver_version": {"new": NEW, "old": [node for node in NODES if node not in NEW]},
    "zone": {"z": NODES},
}
FLEET = fleet_of(GROUPS)
UNLIKE = [
    *(problem(node, "IbDev") for node in GROUPS["leaf_switch"]["l24"]),
    *(problem(node, "Ready") for node in GROUPS["rack"]["r0"]),
    *(problem(node, "GpuXid") for node in NEW),
]
ALIKE = [problem(node, "IbDev") for leaf in ("l0", "l48", "l192") for node in GROUPS["leaf_switch"][leaf]]


@pytest.mark.parametrize("triggers", [UNLIKE, ALIKE], ids=["unlike-causes", "alike-causes"])
@settings(max_examples=25, deadline=None)
@given(order=st.randoms(use_true_random=False), data=st.data())
def test_three_causes_are_three_incidents(triggers, order, data):
    whole, parts = Shelf(fleet=FLEET), Shelf(fleet=FLEET)
    whole.store(*triggers)
    whole.decide(2)

    end = _in_batches(parts, triggers, order, data)
    parts.decide(end + 10)

    assert len(parts.standing) == 3
    assert parts.partition == whole.partition
    assert set(parts.states().values()) == {TriggerState.FOLDED}


def _in_batches(shelf, triggers, order, data):
    """Store shuffled triggers in batches with pauses, deciding in between; when the last one was stored."""
    left = order.sample(triggers, len(triggers))
    moment = 0.0
    while left:
        size = data.draw(st.sampled_from([1, 3, 20, 60]))
        shelf.store(*left[:size], at=moment)
        left = left[size:]
        for pause in data.draw(st.lists(st.sampled_from([0.0, 0.3, 2.0, 12.0]), min_size=1, max_size=2)):
            moment += pause
            shelf.decide(moment)
    return moment


def test_five_thousand_triggers_of_three_causes_are_three_incidents():
    nodes = [f"m{number:04d}" for number in range(5000)]
    causes = {"l0": ("IbDev", nodes[:1700]), "l1": ("IbDev", nodes[1700:3400]), "l2": ("GpuXid", nodes[3400:])}
    shelf = Shelf(fleet=fleet_of({"leaf_switch": {leaf: found for leaf, (_, found) in causes.items()}}))
    shelf.store(*(problem(node, kind) for kind, found in causes.values() for node in found))

    shelf.decide(2)

    assert sorted((i.scope.key, len(i.nodes)) for i in shelf.standing) == [("l0", 1700), ("l1", 1700), ("l2", 1600)]
